"""Data sets: MNIST and its relatives, faces, tables with anomalies, and sets with few labels.

Reading order: `mnist.py`, `faces.py`, `tables.py`, `few_labels.py`.
"""
