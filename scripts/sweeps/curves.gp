# Draws loss and accuracy of a run by epoch:
#   gnuplot -c scripts/sweeps/curves.gp results/RUN/epochs.csv curves.svg
# For tables with commas and decimal points; `chainrule plot` also draws other tables.

ending = ARGC < 2 ? "" : ARG2[strlen(ARG2) - 3:*]
if (ARGC != 2 || !(ending eq ".svg" || ending eq ".png" || ending eq ".pdf")) {
    print "usage: gnuplot -c curves.gp EPOCHS.csv PICTURE.svg|png|pdf"
    exit status 2
}

set datafile separator comma
set datafile columnheaders
set encoding utf8
set grid linecolor rgb "#dddddd" linetype 1
set linetype 1 linecolor rgb "#0072B2" linewidth 2 pointtype 7 pointsize 0.6
set linetype 2 linecolor rgb "#D55E00" linewidth 2 pointtype 4 pointsize 0.8 dashtype 2
set xlabel "epoch"
stats ARG1 using "epoch" nooutput
set xtics 0, ceil(STATS_max / 10.0)
set xrange [STATS_min - 0.3:STATS_max + 0.3]

if (ending eq ".svg") { set terminal svg size 800,350 font "DejaVu Sans,13" background "white" }
if (ending eq ".png") { set terminal pngcairo size 1600,700 fontscale 1.6 linewidth 2 }
if (ending eq ".pdf") { set terminal pdfcairo size 17cm,7.5cm }
set output ARG2
set multiplot layout 1,2
set ylabel "loss (nats)"
set key top right
plot ARG1 using "epoch":"train_loss" with linespoints title "training", \
     ARG1 using "epoch":"test_loss" with linespoints title "test"
set ylabel "accuracy (%)"
set key bottom right
plot ARG1 using "epoch":(100 * column("train_accuracy")) with linespoints title "training", \
     ARG1 using "epoch":(100 * column("test_accuracy")) with linespoints title "test"
unset multiplot
