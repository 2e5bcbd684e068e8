# Test accuracy of all trials by epoch, from a sweep's epochs.csv or those of several runs:
#   gnuplot -c scripts/sweeps/trials.gp trials.svg results/SWEEP/epochs.csv
#   gnuplot -c scripts/sweeps/trials.gp trials.svg results/hidden_dim-*/epochs.csv

if (ARGC < 2) { print "usage: gnuplot -c trials.gp PICTURE.svg|png EPOCHS.csv…"; exit status 2 }
load system("dirname ".ARG0)."/common.gp"
picture = ARG1

files = ""
do for [i = 2:ARGC] { files = files." ".quoted(ARGV[i]) }
source = read("trials.awk", "-v y=test_accuracy", files)
stats source using 1:2 nooutput
eval prepare
set xlabel "epoch"
set ylabel "test accuracy (%)"
set key outside right top
set xrange [0:STATS_max_x]
set xtics 0, step(STATS_max_x)
set key Left reverse
plot for [i = 0:STATS_blocks - 1] source index i using 1:(100 * $2) with linespoints linetype i + 1 title columnheader(1)
