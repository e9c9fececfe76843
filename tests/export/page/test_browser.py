"""A reader's actions in headless Chromium: dragging, keys, sliders, drawing, noise, walking; both widths and themes."""

import numpy as np
import pytest

from npae.export.page import quantized
from tests.export.page.conftest import wait_until
from tests.export.page.networks import networks, samples, text_of

pytestmark = pytest.mark.slow
CODE, PIXELS = "Array.from(present.code)", "Array.from(drawing.pixels)"


@pytest.fixture(scope="module")
def texts():
    """The pages, by the name of the network."""
    return {name: text_of(model) for name, model in networks().items()}


def centre(page, selector):
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def shown(page, name):
    """The colours of a canvas, as a list of bytes."""
    return page.evaluate(f"""() => {{ const c = byId("{name}"), copy = new OffscreenCanvas(c.width, c.height);
        const pen = copy.getContext("2d", {{ willReadFrequently: true }});
        pen.drawImage(c, 0, 0);
        return Array.from(pen.getImageData(0, 0, c.width, c.height).data) }}""")


@pytest.mark.parametrize("name", ["variational", "dense"])
def test_dragging_moves_the_code_and_what_is_decoded(name, texts, visit):
    page = visit(texts[name])
    x, y = centre(page, "#map")
    page.mouse.move(x, y)
    page.mouse.down()
    first, picture = page.evaluate(CODE), shown(page, "decoded")
    page.mouse.move(x + 100, y - 60, steps=4)
    page.mouse.up()
    code = page.evaluate(CODE)
    expected = page.evaluate("fromScreen(map.canvas.clientWidth / 2 + 100, map.canvas.clientWidth / 2 - 60, "
                             "map.canvas.clientWidth)")  # fmt: skip
    range_ = page.evaluate("[across(0), across(1)]")
    assert np.allclose(np.subtract(page.evaluate("placeOf(present.code)"), expected), 0, atol=0.01 * max(range_))
    assert code != first and shown(page, "decoded") != picture
    page.mouse.move(x, y)  # without a button nothing moves
    assert page.evaluate(CODE) == code
    pixels = quantized(networks()[name]).decode(np.array([code], np.float32))
    assert np.allclose(page.evaluate("Array.from(present.pixels)"), pixels.ravel(), atol=1e-5)
    assert float(page.input_value("#sliders input >> nth=0")) == pytest.approx(code[0])


def test_touch_moves_the_code(texts, visit):
    page = visit(texts["variational"], 380, 800, has_touch=True)
    x, y = centre(page, "#map")
    before = page.evaluate(CODE)
    page.touchscreen.tap(x + 60, y + 40)
    assert page.evaluate(CODE) != before and page.evaluate("present.by") == "map"


def test_arrow_keys_move_the_code_and_letters_pin_it(texts, visit):
    page = visit(texts["variational"])
    page.focus("#map")
    start = np.array(page.evaluate(CODE))
    across = np.array(page.evaluate("[across(0), across(1)]"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert np.allclose(page.evaluate(CODE), start + across * [0.01, -0.05])
    page.keyboard.press("a")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("b")
    A, B = page.evaluate("[Array.from(pins.A), Array.from(pins.B)]")
    assert np.allclose(np.subtract(B, A), across * [0, 0.01])


def test_every_control_can_be_reached_by_tab(texts, visit):
    page = visit(texts["denoiser"])
    reached = set()
    for _ in range(100):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.name"))
    assert {"theme", "map", "drawing", "tool", "clear", "sample", "everywhere", "way", "play", "pin-a"} <= reached
    page.focus("#play")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_slider_changes_its_number_only(texts, visit):
    page = visit(texts["dense"])
    before = page.evaluate(CODE)
    assert page.locator("#sliders input").count() == 4
    page.focus("#sliders input >> nth=2")
    page.keyboard.press("ArrowRight")
    after = page.evaluate(CODE)
    assert [a != b for a, b in zip(after, before, strict=True)] == [False, False, True, False]
    assert page.locator("#sliders output >> nth=2").inner_text() == f"{after[2]:.2f}".replace("-", "−")


def test_a_large_code_has_sliders_for_those_that_vary_most(texts, visit):
    page = visit(texts["denoiser"])
    shown_ = page.evaluate("sliders.map((s) => s.j)")
    variance = quantized(networks()["denoiser"]).encode(samples(None)).var(axis=0)
    least = np.sort(variance)[::-1][63]
    assert len(shown_) == 64 and (variance[shown_] >= least * (1 - 1e-4)).all() and shown_ == sorted(shown_)
    assert "64 of its 70 numbers" in page.inner_text("#code-help")


def test_a_drawing_is_centred_encoded_and_reconstructed(texts, visit):
    page = visit(texts["variational"])
    page.click("#clear")
    assert not any(page.evaluate(PIXELS))
    x, y = centre(page, "#drawing")
    page.mouse.move(x - 40, y - 40)
    page.mouse.down()
    page.mouse.move(x - 40, y + 10, steps=5)
    page.mouse.up()
    drawn, given = np.array(page.evaluate(PIXELS)), np.array(page.evaluate("Array.from(input())"))
    assert drawn.max() > 0.5 and (drawn > 0).sum() > 2
    rows, columns = np.divmod(np.arange(24), 4)
    for axis, middle in ((rows, 2.5), (columns, 1.5)):
        assert abs((given * axis).sum() / given.sum() - middle) <= 0.5 + 1e-9
    model = quantized(networks()["variational"])
    code = model.encode(given[None].astype(np.float32))
    assert np.allclose(page.evaluate(CODE), code, atol=1e-5)
    assert shown(page, "reconstruction") == shown(page, "decoded")
    page.check("[value=eraser]", force=True)
    page.mouse.move(x - 40, y - 20)
    page.mouse.down()
    page.mouse.up()
    assert sum(page.evaluate(PIXELS)) < drawn.sum()


def test_a_drawing_by_keys(texts, visit):
    page = visit(texts["variational"])
    page.click("#clear")
    page.focus("#drawing")
    for key in ("ArrowLeft", " ", "ArrowDown", " "):
        page.keyboard.press(key)
    assert sum(page.evaluate(PIXELS)) > 1


def test_another_sample_is_taken_as_it_is(texts, visit):
    page = visit(texts["dense"])
    page.click("#sample")
    x = samples(networks()["dense"])[1]
    assert np.allclose(page.evaluate(PIXELS), x / 255) and page.evaluate("input() === drawing.pixels")
    code = quantized(networks()["dense"]).encode(x[None])
    assert np.allclose(page.evaluate(CODE), code, atol=1e-5)
    assert page.inner_text("#nearest-name") == "Nearest: 1"


def test_noise_of_the_brush_and_everywhere(texts, visit):
    page = visit(texts["denoiser"])
    clean = samples(None)[0] / 255
    noise = np.array(page.evaluate(PIXELS)) - clean
    assert (noise != 0).mean() > 0.5 and (np.abs(page.evaluate(PIXELS)) <= 1).all()  # the page begins with noise
    page.evaluate("takeSample(0)")
    x, y = centre(page, "#drawing")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.up()
    changed = np.array(page.evaluate(PIXELS)) != clean
    assert 0 < changed.sum() < 24
    page.click("#everywhere")
    assert (np.array(page.evaluate(PIXELS)) != clean).sum() > changed.sum()


def test_noise_has_the_distribution_of_the_layer(texts, visit):
    page = visit(texts["denoiser"])
    draw = "([kind, settings, x]) => Array.from({length: 20000}, () => NOISE[kind](x, settings))"
    gaussian = np.array(page.evaluate(draw, ["gaussian", {"std": 0.3, "clip": None}, 0.5]))
    assert gaussian.mean() == pytest.approx(0.5, abs=0.01) and gaussian.std() == pytest.approx(0.3, abs=0.01)
    clipped = np.array(page.evaluate(draw, ["gaussian", {"std": 3, "clip": [0, 1]}, 0.5]))
    assert clipped.min() == 0 and clipped.max() == 1
    masked = np.array(page.evaluate(draw, ["masking", {"fraction": 0.2}, 0.5]))
    assert set(masked) == {0, 0.5} and (masked == 0).mean() == pytest.approx(0.2, abs=0.02)
    salted = np.array(page.evaluate(draw, ["salt and pepper", {"fraction": 0.4}, 0.5]))
    assert [(salted == v).mean() for v in (0, 0.5, 1)] == pytest.approx([0.2, 0.6, 0.2], abs=0.02)


def test_other_models_have_no_noise(texts, visit):
    page = visit(texts["dense"])
    assert not page.is_visible("#noise-tool") and not page.is_visible("#everywhere")


def test_walking_between_two_pins(texts, visit):
    page = visit(texts["dense"])
    page.click("#pin-a")
    A = np.array(page.evaluate(CODE))
    page.evaluate("takeSample(5)")
    page.click("#pin-b")
    B = np.array(page.evaluate(CODE))
    assert (A != B).any()
    for value, expected in (("0", A), ("25", 0.75 * A + 0.25 * B), ("100", B)):
        page.fill("#way", value)
        assert np.allclose(page.evaluate(CODE), expected)
    page.click("#play")
    wait_until(page, f"present.by === 'walk' && Math.abs(present.code[0] - {B[0]}) > 1e-3")
    assert page.get_attribute("#play", "aria-pressed") == "true"
    page.click("#sample")
    wait_until(page, "byId('play').ariaPressed === 'false'")


@pytest.mark.parametrize("width", [380, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_at_both_widths(scheme, width, texts, visit):
    page = visit(texts["denoiser"], width, 900, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for card in page.locator("section").all():
        box = card.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["height"] > 60

    def brightness():
        return sum(page.evaluate("rgb(getComputedStyle(document.body).backgroundColor)")) / 3

    def corner():
        return sum(shown(page, "nearest")[:3]) / 3  # a pixel that is 0

    dark = scheme == "dark"
    assert (brightness() < 60) == (corner() < 60) == dark
    page.click("#theme")
    assert (brightness() < 60) == (corner() < 60) == (not dark)
    assert page.get_attribute("#theme", "aria-pressed") == str(not dark).lower()
    ratio = page.evaluate("""() => { const lum = (c) => c.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92
        : ((v + 0.055) / 1.055) ** 2.4).reduce((s, v, k) => s + v * [0.2126, 0.7152, 0.0722][k], 0);
        const [a, b] = ["color", "backgroundColor"].map((p, k) => lum(rgb(getComputedStyle(
            k ? document.querySelector("section") : document.querySelector(".help"))[p])));
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) }""")
    assert ratio > 4.5


def test_the_theme_follows_the_system_until_the_button_is_pressed(texts, visit):
    page = visit(texts["dense"])
    page.emulate_media(color_scheme="dark")
    wait_until(page, "byId('theme').ariaPressed === 'true'")
    assert sum(shown(page, "nearest")[:3]) < 150  # its first pixel is 0


def test_what_is_decoded_everywhere(texts, visit):
    page = visit(texts["variational"])
    before = page.evaluate("map.canvas.toDataURL()")
    page.check("#behind")
    assert page.evaluate("map.canvas.toDataURL()") != before and page.evaluate("map.behind.length") == 18 * 18
    assert not visit(texts["dense"]).is_visible("#behind-label")


def test_screen_readers_get_words(texts, visit):
    page = visit(texts["variational"])
    wait_until(page, "byId('spoken').textContent.startsWith('Nearest sample: ')")
    numbers = page.evaluate("[...present.code].map(number).join(', ')")
    assert page.inner_text("#place") == f"z = ({numbers})" and page.inner_text("#spoken").endswith(f"Code {numbers}.")


def test_a_page_without_labels_names_samples_by_number(visit):
    page = visit(text_of(networks()["dense"], labels=None))
    assert page.inner_text("#nearest-name") == "Nearest: sample 1"


def test_a_damaged_file_is_reported(visit, texts):
    text = texts["dense"].replace('id="data">eN', 'id="data">e!')
    page = visit(text, ready=False)
    wait_until(page, "!byId('problem').hidden")
    assert "This page cannot start" in page.inner_text("#problem")
