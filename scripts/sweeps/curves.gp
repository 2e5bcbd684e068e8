# Loss and accuracy of a run by epoch:  gnuplot -c scripts/sweeps/curves.gp results/RUN/epochs.csv curves.svg

if (ARGC != 2) { print "usage: gnuplot -c curves.gp EPOCHS.csv PICTURE.svg|png"; exit status 2 }
load system("dirname ".ARG0)."/common.gp"
picture = ARG2

data(y) = read("trials.awk", "-v y=".y, quoted(ARG1))
stats data("train_loss") using 1:2 nooutput
eval prepare
set multiplot layout 1,2
set xlabel "epoch"
set xrange [0:STATS_max_x]
set xtics 0, step(STATS_max_x)
set ylabel "loss (nats)"
set key top right
plot data("train_loss") using 1:2 with linespoints title "training", \
     data("test_loss") using 1:2 with linespoints title "test"
set ylabel "accuracy (%)"
set key bottom right
plot data("train_accuracy") using 1:(100 * $2) with linespoints title "training", \
     data("test_accuracy") using 1:(100 * $2) with linespoints title "test"
unset multiplot
