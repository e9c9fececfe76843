"""The reader of pictures: files of every format, and folders of links, pipes and other things.

A mutated folder is one file of JSON, a list of [kind, name, content], from which the folder is built.
"""

import base64
import contextlib
import io
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from npae.data import ImageError, image_folder
from npae.data.files.limits import LEAST_PICTURE
from tests.fuzz import bytes_edits
from tests.fuzz.reader import Reader, Wrong

RNG = np.random.default_rng(5)
FORMATS = ("png", "jpeg", "gif", "bmp", "tiff", "webp", "ppm")
NAMES = (".hidden.png", "Thumbs.db", "cat/.b/1.png", "a" * 200, "é.png", "new\nline.png", "-", "a b/c")


def picture(kind, mode="RGB", size=(20, 16)):
    """The bytes of a picture."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (*size, 3), np.uint8)).convert(mode).save(file, kind)
    return file.getvalue()


def large(data, rng):
    """A picture of one colour that unpacks to many megabytes."""
    from PIL import Image

    file, side = io.BytesIO(), rng.choice((1000, 4000, 8000, 9000))
    Image.new(rng.choice(("1", "L", "RGB")), (side, side)).save(file, rng.choice(("png", "gif", "tiff")), optimize=True)
    return file.getvalue()


class Pictures(Reader):
    """npae.data.image_folder of one picture."""

    suffix, refusals, least = ".picture", (ImageError,), LEAST_PICTURE
    edits = (*bytes_edits.EDITS * 4, large)

    def valid(self, folder):
        found = {kind: picture(kind) for kind in FORMATS}
        return found | {"grey": picture("ppm", "L"), "alpha": picture("png", "RGBA"), "palette": picture("png", "P")}

    def read(self, path):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(path, Path(folder, path.name))
            return image_folder(folder, 12)

    def use(self, content, path):
        if content.images.shape != (1, 1, 12, 12) or content.images.dtype != np.uint8 or len(content.paths) != 1:
            raise Wrong(f"loaded {content!r}, images {content.images.shape}")


def edit_entries(data, rng):
    """Entries of a folder are replaced by links, pipes, folders that cannot be opened, hidden and broken files."""
    entries = json.loads(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        k = rng.randrange(len(entries))
        kind = rng.choice(("link", "pipe", "locked", "file", "folder", "rename", "broken", "locked folder"))
        _, name, content = entries[k]
        if entries[k][0] != "file":
            del entries[k]
        elif kind == "link":
            target = rng.choice(("nowhere", "..", ".", "cat", "cat/1.png", "/dev/zero", "/dev/stdin", name))
            entries.append([kind, f"link{len(entries)}{rng.choice(('', '.png'))}", target])
        elif kind == "broken":
            broken = bytes_edits.flip_bits(base64.b64decode(content), rng)
            entries[k] = ["file", name, base64.b64encode(broken).decode()]
        elif kind == "rename":
            entries[k] = ["file", rng.choice(NAMES), content]
        else:
            entries.append([kind, f"{kind}{len(entries)}", content])
    return json.dumps(entries).encode()


def build(entries, folder):
    """Make the entries of a mutated folder; those that the file system refuses are left out."""
    for kind, name, content in entries:
        path = Path(folder, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "link":
                os.symlink(content, path)
            elif kind == "pipe":
                os.mkfifo(path)
            elif kind in ("folder", "locked folder"):
                path.mkdir()
            else:
                path.write_bytes(base64.b64decode(content))
            if kind.startswith("locked"):
                path.chmod(0)
        except OSError:
            continue


class Folders(Reader):
    """npae.data.image_folder of a folder: every entry is in its images, in `skipped`, or in an error."""

    suffix, refusals, edits, least = ".json", (ImageError, FileNotFoundError), (edit_entries,), LEAST_PICTURE

    def valid(self, folder):
        names = ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", "top.png")
        entries = [["file", name, base64.b64encode(picture("png")).decode()] for name in names]
        return {"pictures": json.dumps(entries).encode()}

    def read(self, path):
        self.above = tempfile.TemporaryDirectory(suffix=path.name)
        self.folder = Path(self.above.name, "pictures")  # so that ".." is small
        self.folder.mkdir()
        build(json.loads(path.read_bytes()), self.folder)
        with contextlib.suppress(ImageError):
            image_folder(self.folder, 12)
        return image_folder(self.folder, 12, on_error="skip")

    def use(self, content, path):
        told = set(content.paths) | set(content.skipped)
        known = told | {parent for place in told for parent in place.parents}  # a link to a folder that was read
        for root, folders, names in os.walk(self.folder):
            links = [name for name in folders if Path(root, name).is_symlink()]
            for place in (Path(root, name) for name in (*names, *links)):
                if place not in known and not set(place.parents) & told:
                    raise Wrong(f"{place.relative_to(self.folder)} is neither read nor skipped")
        if len(content.images) != len(content.paths):
            raise Wrong(f"{len(content.images)} images of {len(content.paths)} files")
