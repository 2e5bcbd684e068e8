# What the plots of this folder share: where the awk programs are, quoting, the terminal by the picture's name, a
# look that can be told apart without colours.

here = system("dirname ".ARG0)
# Between quotes for the shell, whatever is in the name
quoted(s) = "'".escaped(s)."'"
escaped(s) = strstrt(s, "'") ? s[1:strstrt(s, "'") - 1]."'\\''".escaped(s[strstrt(s, "'") + 1:*]) : s
read(program, settings, files) = "< LC_ALL=C awk -f ".quoted(here."/csv.awk")." -f ".quoted(here."/".program).\
    " ".settings." ".files

prepare = 'if (picture[strlen(picture) - 3:*] eq ".svg") { set terminal svg size 800,500 font "DejaVu Sans,14" background "white" } \
    else { set terminal pngcairo size 1200,750 font "DejaVu Sans,14" }; set output picture'

# Ticks of an axis that counts epochs: whole numbers, ten or so
step(last) = last > 10 ? ceil(last / 10.0) : 1

set encoding utf8
set datafile missing ""
set border 3
set tics nomirror out
set grid back linecolor rgb "#dddddd" linetype 1
set key noenhanced
# Okabe and Ito's colours, with a dash and a point of their own
array colour[7] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9"]
do for [i = 1:28] {
    hue = colour[(i - 1) % 7 + 1]
    dash = (i - 1) % 5 + 1
    point = (i - 1) % 13 + 4
    set linetype i linecolor rgb hue dashtype dash linewidth 2 pointtype point pointsize 0.8
}
