"""Colours of the pictures of demos and benchmarks.

The ten colours differ for people with the common forms of colour blindness too: M. A. Petroff 2021, "Accessible color
sequences for data visualization", arXiv:2107.02270. They are the "petroff10" of matplotlib 3.10, in its order.
"""

from npae.train.learning_curves import PETROFF10

INK, GREY, PAPER = "#222222", "#888888", "#ffffff"
COLOURS = list(PETROFF10)
