"""Results: generative models."""

from benchmarks.published.measures import NATS, NEGATIVE_LOG_LIKELIHOOD, PARZEN, TWO_SAMPLE
from benchmarks.published.runs import Run
from benchmarks.published.sources import BURDA, BURDA_AGAIN, GOODFELLOW, KERAS_IO, MAKHZANI_2015, PYTORCH_VAE
from benchmarks.published.table import Row, Table

VAE = Run("vae_full", "demos.vae --full --likelihood 400")
IWAE = Run("vae_iwae_full", "demos.vae --full --likelihood 120 --iwae 5")
CONV_VAE = Run("conv_vae_full", "demos.conv_vae --full")
GAN = Run("gan_full", "demos.gan --full --epochs 60")
AAE = Run("aae_full", "demos.aae --full --epochs 20")

ROWS = Table((
    Row("variational 784-400-20", NATS, VAE, "test_nats",
        {PYTORCH_VAE.noted("after 7 epochs"): "106.66", PYTORCH_VAE.noted("after 10"): "104.9"},
        headline="variational 784-400-20, nats per image after 10 epochs"),
    Row("variational 784-200-200-50, binary digits, 5000 codes", NEGATIVE_LOG_LIKELIHOOD, VAE, "test_minus_ln_p_nats",
        {BURDA.noted("after 3280 epochs"): "86.76", BURDA_AGAIN: "87.75"},
        error="test_minus_ln_p_standard_error_nats", epochs=400),
    Row("the same, trained with the bound of 5 codes", NEGATIVE_LOG_LIKELIHOOD, IWAE, "test_minus_ln_p_nats",
        {BURDA.noted("after 3280 epochs"): "85.54"}, error="test_minus_ln_p_standard_error_nats", epochs=120),
    Row("convolutional, code of two numbers, training digits", NATS, CONV_VAE, "train_nats",
        {KERAS_IO.noted("on all 70,000 digits"): "146.95"}),
    Row("the same, test digits", NATS, CONV_VAE, "test_nats"),
    Row("GAN, dense", TWO_SAMPLE, GAN, "gan_two_sample_accuracy",
        beside={"real training digits": "real_two_sample_accuracy"}),
    Row("the same", PARZEN, GAN, "gan_parzen_nats", {GOODFELLOW: "225"},
        beside={"real training digits": "real_parzen_nats"}),
    Row("the same, samples accepted by the discriminator", TWO_SAMPLE, GAN, "accepted_two_sample_accuracy",
        beside={"real training digits": "real_two_sample_accuracy"}),
    Row("adversarial autoencoder 784-1000-1000-8", TWO_SAMPLE, AAE, "eight_two_sample_accuracy"),
    Row("the same", PARZEN, AAE, "eight_parzen_nats", {MAKHZANI_2015: "340"},
        headline="adversarial 784-1000-1000-8, Parzen nats"),
    *(Row(f"two-number codes against samples of a {prior}", TWO_SAMPLE, AAE, f"{key}_codes_two_sample_accuracy")
      for prior, key in (("Gaussian", "gaussian"), ("ring", "ring"), ("swiss roll", "swiss_roll"))),
))  # fmt: skip
