"""Viewers draw every kind of value, and refuse to open anything unsafe."""

import io
import os
import struct
import tracemalloc
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from chameleon.app.viewers import PictureError, image, module_of, pictures, sensor, text
from chameleon.data import Viewer
from chameleon.project import ViewerKind

PIXELS = Viewer(ViewerKind.IMAGE, ("a", "b", "c", "d"), (2, 2))
FILES = Viewer(ViewerKind.IMAGE, ("path",))
STREAM = Viewer(ViewerKind.SENSOR, ("wave",))


@dataclass
class Place:
    path: Path


@dataclass
class Data:
    """The parts of a dataset that showing files needs."""

    project: Place
    features: tuple = ()


def opened(content):
    return Image.open(io.BytesIO(content))


def a_file(form="PNG", size=(3, 2), color=(200, 10, 30), **options):
    content = io.BytesIO()
    Image.new("RGB", size, color).save(content, form, **options)
    return content.getvalue()


@pytest.mark.parametrize("kind", list(ViewerKind))
def test_every_kind_has_a_file_that_keeps_the_protocol(kind):
    module = module_of(kind)
    assert isinstance(module.GALLERY, bool)
    (made,) = pictures(Data(Place(Path())), Viewer(kind, ("x",)), [None], side=8)
    assert isinstance(made, PictureError)


# ---------------------------------------------------------------- pixels


def test_pixels_are_enlarged_by_whole_steps_from_black_to_white():
    made = image.png(image.of_pixels([0.0, 4.0, 8.0, np.nan], (2, 2), (0.0, 8.0)), 9)
    picture = opened(made).convert("LA")
    assert picture.size == (8, 8)
    levels = np.asarray(picture)
    assert (levels[:4, :4, 0] == 0).all()
    assert (levels[:4, 4:, 0] == 128).all()
    assert (levels[4:, :4, 0] == 255).all()
    assert (levels[4:, 4:, 1] == 0).all()  # missing: transparent
    assert (levels[:4, :, 1] == 255).all()


def test_three_numbers_per_pixel_are_its_color():
    made = image.of_pixels([0, 5, 10, 10, 0, 5], (1, 2, 3), (0.0, 10.0))
    assert [made.getpixel((x, 0)) for x in (0, 1)] == [(0, 128, 255, 255), (255, 0, 128, 255)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "missing"), ([np.nan] * 4, "No pixel"), ([1.0] * 3, "3 values"),
        (["a"] * 4, "no list of numbers"), ([[1.0], [2.0, 3.0]], "no list of numbers"),
    ],
)  # fmt: skip
def test_a_value_that_is_no_image_is_explained(value, words):
    with pytest.raises(PictureError, match=words):
        image.of_pixels(value, (2, 2), (0.0, 1.0))


def test_the_largest_numbers_make_an_image():
    made = image.of_pixels([-1.7e308, 0, 0, 1.7e308], (2, 2), (-1.7e308, 1.7e308))
    assert [made.getpixel(xy)[0] for xy in ((0, 0), (1, 0), (1, 1))] == [0, 128, 255]


# ---------------------------------------------------------------- files


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "one.png").write_bytes(a_file())
    (folder / "images" / "two.jpg").write_bytes(a_file("JPEG"))
    (tmp_path / "secret.png").write_bytes(a_file())
    return Data(Place(folder))


def shown(data, value, side=32):
    (made,) = pictures(data, FILES, [value], side=side)
    return made


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_files_and_bytes_become_png(project, form):
    name = {"PNG": "images/one.png", "JPEG": "images/two.jpg"}[form]
    for value in (name, a_file(form), f"./{name}"):
        picture = opened(shown(project, value))
        assert picture.format == "PNG"
        assert picture.size == (30, 20)
    large = opened(shown(project, a_file(form, size=(400, 100))))
    assert large.size == (32, 8)


def test_no_path_leads_out_of_the_project(project, tmp_path):
    images = project.project.path / "images"
    (images / "link.png").symlink_to(tmp_path / "secret.png")
    (images / "inside.png").symlink_to(images / "one.png")
    (images / "loop.png").symlink_to(images / "loop.png")
    (project.project.path / "away").symlink_to(tmp_path)
    os.mkfifo(images / "pipe.png")
    for name in (
        "../secret.png", "images/../../secret.png", str(tmp_path / "secret.png"), "/etc/passwd",
        "images/link.png", "away/secret.png", "..\\secret.png", "C:\\secret.png", "a\0b.png",
        "images/loop.png", "images/pipe.png", "images", ".", "images/none.png", "x" * 5000,
        "file:///etc/passwd", "http://localhost/x.png", "~/secret.png",
    ):  # fmt: skip
        made = shown(project, name)
        assert isinstance(made, PictureError), name
        assert str(tmp_path) not in str(made) or name.startswith(str(tmp_path))
    assert isinstance(shown(project, "images/inside.png"), bytes)


def test_a_single_table_finds_files_beside_it(project):
    (project.project.path / "table.csv").write_text("x")
    beside = Data(Place(project.project.path / "table.csv"))
    assert isinstance(shown(beside, "images/one.png"), bytes)
    assert isinstance(shown(beside, "../secret.png"), PictureError)


def chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png_of(width, height, data=b""):
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


BAD = {
    "bomb": (png_of(60_000, 60_000, zlib.compress(b"\0" * 100)), "too"),
    "large": (png_of(5000, 5000, zlib.compress(b"\0" * 100)), "too many"),
    "damaged": (a_file()[:46], "damaged"),
    "empty": (b"", "no PNG or JPEG"),
    "text": (b"<svg onload=alert(1)></svg>", "no PNG or JPEG"),
    "gif": (a_file("GIF"), "no PNG or JPEG"),
    "bmp": (a_file("BMP"), "no PNG or JPEG"),
    "text bomb": (
        a_file().replace(b"IDAT", b"IDAT", 1)[:33]
        + chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 80_000_000))
        + a_file()[33:],
        "damaged",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_or_unpacks_too_far_is_refused(project, name):
    content, words = BAD[name]
    made = shown(project, content)
    assert isinstance(made, PictureError)
    assert words in str(made)


def test_too_many_bytes_are_not_read(project, monkeypatch):
    monkeypatch.setattr(image, "MOST_BYTES", 50)
    for value in ("images/one.png", a_file()):
        assert "more than 50 bytes" in str(shown(project, value))


def test_a_photograph_is_upright(project):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    assert opened(shown(project, a_file("JPEG", size=(40, 20), exif=exif))).size == (16, 32)


# ---------------------------------------------------------------- streams and texts


@pytest.mark.parametrize("value", [None, [], [[1.0, 2.0]], [1.0, "x"], [np.inf]])
def test_a_value_that_is_no_stream_has_no_picture(value):
    with pytest.raises(PictureError):
        sensor.picture(None, STREAM, value, side=40)


@pytest.mark.parametrize(
    "value", [[1.0], [1.0, 1.0], [1, None, 3, 4], [-1.7e308, 1.7e308], list(range(100_000))]
)
def test_a_stream_is_drawn_inside_its_picture(value):
    picture = opened(sensor.picture(None, STREAM, value, side=40))
    assert picture.size == (80, 40)
    ink = np.asarray(picture)[:, :, 3]
    assert ink.any()
    assert not ink[:, [0, -1]].any()


def test_thinning_keeps_every_peak():
    samples = np.zeros(100_001)
    samples[[17, 70_003]] = (5.0, -3.0)
    samples[50_000:50_200] = np.nan
    thin = sensor.thinned(samples, 1000)
    assert len(thin) == 1000
    assert (np.nanmax(thin), np.nanmin(thin)) == (5.0, -3.0)
    assert list(thin).index(5.0) < list(thin).index(-3.0)


def test_places_of_the_search_are_found_whatever_their_case():
    hits = list(text.found_in("A fox. Fox (x) fox" + "." * 100, "FOX"))
    assert [hit for _, hit, _ in hits] == ["fox", "Fox", "fox"]
    assert hits[0] == ("A ", "fox", ". Fox (x) fox" + "." * 47)
    assert not list(text.found_in("abc", " "))
    assert len(list(text.found_in("a(b)c", "(b)"))) == 1
    assert text.plain_part("a *b* ") == r"a \*b\* "


def test_places_of_a_search_are_counted_and_not_stored(monkeypatch):
    shown = []
    kinds = ("markdown", "caption", "code")
    screen = {kind: lambda text, kind=kind, **_: shown.append((kind, text)) for kind in kinds}
    monkeypatch.setattr(text, "st", SimpleNamespace(**screen))
    viewer = Viewer(ViewerKind.TEXT, ("t",))
    tracemalloc.start()
    text.draw(None, viewer, "ab " * 100_000, search="b")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [kind for kind, _ in shown].count("markdown") == 5
    assert ("caption", "99,995 further places.") in shown
    assert most < 5_000_000
