"""Colours of the pictures of demos and benchmarks.

The ten colours differ for people with the common forms of colour blindness too: M. A. Petroff 2021, "Accessible color
sequences for data visualization", arXiv:2107.02270. They are the "petroff10" of matplotlib 3.10, in its order.
"""

INK, GREY, PAPER = "#222222", "#888888", "#ffffff"
COLOURS = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]
