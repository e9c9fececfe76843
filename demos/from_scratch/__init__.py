"""Each model of the family on one page of NumPy, without the library. Start with `autoencoder.py`."""
