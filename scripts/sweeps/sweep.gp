# Draws one column of a runs.csv against another: a mark for each run, and the mean of each value:
#   gnuplot -c scripts/sweeps/sweep.gp results/SWEEP/runs.csv rates.svg learning_rate test_accuracy
# For tables with commas and decimal points, and settings that are numbers; `chainrule plot` also draws other tables.

ending = ARGC < 2 ? "" : ARG2[strlen(ARG2) - 3:*]
if (ARGC != 4 || !(ending eq ".svg" || ending eq ".png" || ending eq ".pdf")) {
    print "usage: gnuplot -c sweep.gp RUNS.csv PICTURE.svg|png|pdf SETTING METRIC"
    exit status 2
}

set datafile separator comma
set datafile columnheaders
set encoding utf8
set grid linecolor rgb "#dddddd" linetype 1
set key noenhanced top left
set xlabel ARG3 noenhanced
set ylabel ARG4 noenhanced
stats ARG1 using ARG3 nooutput
if (STATS_min > 0) { set logscale x; set xrange [STATS_min / 1.3:STATS_max * 1.3] }
set offsets 0, 0, graph 0.1, graph 0.1

if (ending eq ".svg") { set terminal svg size 800,500 font "DejaVu Sans,13" background "white" }
if (ending eq ".png") { set terminal pngcairo size 1600,1000 fontscale 1.6 linewidth 2 }
if (ending eq ".pdf") { set terminal pdfcairo size 17cm,11cm }
set output ARG2
plot ARG1 using ARG3:ARG4 smooth unique with lines linewidth 2 linecolor rgb "#D55E00" title "mean", \
     ARG1 using ARG3:ARG4 with points pointtype 7 pointsize 0.8 linecolor rgb "#0072B2" title "runs"
