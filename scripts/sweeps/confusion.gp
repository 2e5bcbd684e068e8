# Confusion matrix with class names, shaded by the share of the true class:
#   gnuplot -c scripts/sweeps/confusion.gp results/RUN/confusion.csv confusion.svg

if (ARGC != 2) { print "usage: gnuplot -c confusion.gp CONFUSION.csv PICTURE.svg|png"; exit status 2 }
load system("dirname ".ARG0)."/common.gp"
picture = ARG2

set datafile separator tab
source = read("confusion.awk", "", quoted(ARG1))
diagonal = source." | awk -F'\t' '$1 == $2'"
stats source using 1:2 nooutput
eval prepare
last = STATS_max_x
set size ratio 1
set xrange [-0.5:last + 0.5]
set yrange [last + 0.5:-0.5]
unset grid
unset key
set tics scale 0
set border 15
set xlabel "predicted class"
set ylabel "true class"
set xtics rotate by -45 noenhanced
set ytics noenhanced
set cbrange [0:1]
set cblabel "share of the true class"
set palette defined (0 "white", 1 "#084594")
# The diagonal has each class once: it names both axes.
plot source using 1:2:4 with image, \
     diagonal using 1:2:(""):xtic(5):ytic(5) with labels, \
     source using 1:2:(sprintf("%d", $3)):($4 > 0.5 ? 0xffffff : 0x000000) with labels font ",10" textcolor rgb variable
