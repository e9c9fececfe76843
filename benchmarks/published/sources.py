"""Sources of published numbers. "Not compared with the paper": the number is quoted as others quote it."""

from benchmarks.published.table import Source

BENGIO = Source(
    "Bengio et al.",
    "Bengio, Lamblin, Popovici & Larochelle 2007, “Greedy layer-wise training of deep networks”, NIPS, table 2. Not "
    "compared with the paper.",
)
BURDA = Source("Burda et al.", "Burda, Grosse & Salakhutdinov 2016, “Importance weighted autoencoders”, ICLR, table 1.")
BURDA_AGAIN = Source("a reproduction in TensorFlow", "A reproduction of Burda et al. in TensorFlow 2, from its README.")
GOODFELLOW = Source("Goodfellow et al.", "Goodfellow et al. 2014, “Generative adversarial nets”, NIPS, table 1.")
HINTON = Source(
    "Hinton & Salakhutdinov",
    "Hinton & Salakhutdinov 2006, “Reducing the dimensionality of data with neural networks”, Science 313:504, figure "
    "2.",
)
KERAS_BLOG = Source("Keras blog", "Chollet 2016, “Building autoencoders in Keras”, blog.keras.io.")
KERAS_IO = Source(
    "keras.io",
    "keras.io, code examples “Convolutional autoencoder for image denoising” and “Variational autoencoder”, with the "
    "logs of training that they print.",
)
KERAS_LOGS = Source(
    "Keras log",
    "Logs of training with Adam, published by readers, of the networks of “Building autoencoders in Keras”. Where "
    "there are several, the best one.",
)
MAKHZANI_2013 = Source(
    "Makhzani & Frey",
    "Makhzani & Frey 2013, “k-sparse autoencoders”, arXiv 1312.5663. Not compared with the paper.",
)
MAKHZANI_2015 = Source(
    "Makhzani et al.",
    "Makhzani, Shlens, Jaitly, Goodfellow & Frey 2015, “Adversarial autoencoders”, tables 1 to 3. The rates of "
    "error are not compared with the paper.",
)
PYTORCH_VAE = Source(
    "PyTorch's example",
    "github.com/pytorch/examples, vae: the log in pull request 1416. Its value after 10 epochs is approximate.",
)
RIFAI = Source(
    "Rifai et al.",
    "Rifai, Vincent, Muller, Glorot & Bengio 2011, “Contractive auto-encoders: explicit invariance during feature "
    "extraction”, ICML, table 1. Not compared with the paper.",
)
RUFF = Source("Deep SVDD", "Ruff et al. 2018, “Deep one-class classification”, ICML, table 1.")
TENSORFLOW = Source(
    "TensorFlow's tutorial", "tensorflow.org, “Intro to autoencoders”, its third example, on a split of its own."
)
UFLDL = Source(
    "UFLDL", "Ng et al., “Unsupervised feature learning and deep learning” (UFLDL), exercise on stacked autoencoders."
)
VINCENT = Source("Vincent et al.", "Vincent et al. 2010, “Stacked denoising autoencoders”, JMLR 11, table 3.")
