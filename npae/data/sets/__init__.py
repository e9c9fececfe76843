"""Data sets: MNIST and its relatives, faces, tables with anomalies, and sets with few labels.

In reading order:

    mnist.py         MNIST, and every data set of the same layout
    faces.py         faces: Olivetti, Labeled Faces in the Wild, Frey
    tables.py        tables with anomalies: ADBench and credit-card transactions
    few_labels.py    data sets of which only a few labels are known
"""
