# Test accuracy by parameter, with the standard deviation over seeds; log axis for the learning rate and hidden_dim:
#   gnuplot -c scripts/sweeps/sweep.gp results/runs.csv learning_rate rates.svg

if (ARGC != 3) { print "usage: gnuplot -c sweep.gp RUNS.csv PARAMETER PICTURE.svg|png"; exit status 2 }
load system("dirname ".ARG0)."/common.gp"
parameter = ARG2
picture = ARG3

source = read("group.awk", "-v y=test_accuracy -v x=".quoted(parameter), quoted(ARG1))
stats source using 1:4 nooutput
eval prepare
set xlabel parameter noenhanced
set ylabel "test accuracy (%)"
set offsets graph 0.05, graph 0.05, graph 0.1, graph 0.1
if (parameter eq "learning_rate" || parameter eq "weight_decay") { if (STATS_min_x > 0) { set logscale x } }
if (parameter eq "hidden_dim" && STATS_min_x > 0) { set logscale x 2 }
set key top left
if (STATS_max_y > 1) {
    plot source using 1:(100 * $2):(100 * $3):xtic(1) with yerrorlines linetype 1 \
        title sprintf("mean and standard deviation over %d seeds", STATS_max_y)
} else {
    plot source using 1:(100 * $2):xtic(1) with linespoints linetype 1 title "one seed"
}
