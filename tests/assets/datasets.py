"""Tiny look-alikes of the data sets that ``training/data`` reads: same layout, drawn images, invented scores."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from openpyxl import Workbook
from PIL import Image
from scipy.io import savemat

Pixels = NDArray[np.uint8]


def drawn_photo(seed: int, height: int, width: int) -> Pixels:
    """Smooth areas, edges and texture, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = np.sin(rows[..., None] / rng.uniform(5, 15, 3)) + np.cos(columns[..., None] / rng.uniform(5, 15, 3))
    picture: NDArray[np.float64] = 128 + 40 * waves + rng.normal(0, 6, (height, width, 3))
    picture[height // 3 :, width // 2 :] += 50
    return picture.clip(0, 255).astype(np.uint8)


def noisy(photo: Pixels, level: int) -> Pixels:
    """The photo with noise that grows with ``level``."""
    noise = np.random.default_rng(level).normal(0, 4 * level, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


def save(path: Path, pixels: Pixels, quality: int | None = None) -> None:
    """Write an image in the format of its suffix, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {} if quality is None else {"quality": quality}
    Image.fromarray(pixels).save(path, **options)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """CSV with a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def make_aic3(tables: Path) -> None:
    """``aic3_jnd.csv`` and ``aic3_counts.csv``: five photos, two codecs, whose people follow the three scores."""
    rows, counts = [], []
    for source in range(1, 6):
        for codec in ("JPEG-1", "AVIF"):
            for level in range(1, 11):
                jnd = 0.02 * level**2 * (1 + 0.02 * source)
                rows.append([source, codec, level, jnd, 95 - 12 * jnd**0.5, 10 - 0.4 * jnd, 1 - 0.006 * jnd])
                told = round(100 * min(0.98, 0.8 * jnd**0.4))
                counts.append(["BTC", source, codec, level, 100, told, 100 - told, 0, jnd])
    write_table(
        tables / "aic3_jnd.csv", ["source", "codec", "level", "jnd", "ssimulacra2", "cvvdp_jod", "iw_ssim"], rows
    )
    names = ["method", "source", "codec", "level", "answers", "saw_it", "not_sure", "wrong_side", "jnd"]
    write_table(tables / "aic3_counts.csv", names, counts)


def make_tid(root: Path, *, sources: int = 3, distortions: int = 2, levels: int = 2, size: int = 128) -> Path:
    """TID2008 or TID2013, with the mixed case of the real names."""
    lines, deviations = [], []
    for source in range(1, sources + 1):
        photo = drawn_photo(source, size, size + 32)
        save(root / "reference_images" / f"I{source:02d}.BMP", photo)
        for distortion in range(1, distortions + 1):
            for level in range(1, levels + 1):
                save(root / "distorted_images" / f"i{source:02d}_{distortion:02d}_{level}.bmp", noisy(photo, level))
                lines.append(f"{6.5 - level + source / 10:.5f} I{source:02d}_{distortion:02d}_{level}.bmp")
                deviations.append("0.15")
    (root / "mos_with_names.txt").write_text("\n".join(lines) + "\n")
    (root / "mos_std.txt").write_text("\n".join(deviations) + "\n")
    return root


def make_live(root: Path, *, sources: int = 3, size: int = 128) -> Path:
    """LIVE release 2 with two versions and the original of each photo in every folder."""
    names: list[str] = []
    scores: list[float] = []
    originals: list[int] = []
    for source in range(sources):
        save(root / "refimgs" / f"photo{source}.bmp", drawn_photo(source, size, size))
    for folder in ("jp2k", "jpeg", "wn", "gblur", "fastfading"):
        for index in range(3 * sources):
            source, level = divmod(index, 3)
            save(root / folder / f"img{index + 1}.bmp", noisy(drawn_photo(source, size, size), level))
            names.append(f"photo{source}.bmp")
            scores.append(20.0 * level)
            originals.append(int(level == 0))
    savemat(root / "refnames_all.mat", {"refnames_all": np.array(names, dtype=object)[None]})
    deviations = np.full(len(scores), 5.0)
    savemat(root / "dmos_realigned.mat", {"dmos_new": scores, "dmos_std": deviations, "orgs": originals})
    return root


def make_csiq(root: Path, *, sources: int = 3, size: int = 128) -> Path:
    """CSIQ with three rows of titles above the header, as in the real sheet."""
    book = Workbook()
    sheet = book.active
    sheet.title = "all_by_image"
    for _ in range(3):
        sheet.append(["Categorical image quality"])
    sheet.append(["", "", "", "image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos"])
    folders = [("noise", "awgn", "AWGN"), ("jpeg 2000", "jpeg2000", "jpeg2000")]
    for source in range(1600, 1600 + sources):
        photo = drawn_photo(source, size, size)
        save(root / "src_imgs" / f"{source}.png", photo)
        for index, (kind, folder, word) in enumerate(folders, start=1):
            for level in (1, 2):
                save(root / "dst_imgs" / folder / f"{source}.{word}.{level}.png", noisy(photo, level))
                sheet.append(["", "", "", source, index, kind, level, 0.05, 0.3 * level])
    book.save(root / "csiq.DMOS.xlsx")
    return root


def make_kadid(root: Path, *, sources: int = 3, size: int = 128) -> Path:
    """KADID-10k with one distortion."""
    rows = []
    for source in range(1, sources + 1):
        photo = drawn_photo(source, size, size)
        save(root / "images" / f"I{source:02d}.png", photo)
        for level in range(1, 4):
            name = f"I{source:02d}_01_{level:02d}.png"
            save(root / "images" / name, noisy(photo, level))
            rows.append([name, f"I{source:02d}.png", 5 - level, 0.25])
    write_table(root / "dmos.csv", ["dist_img", "ref_img", "dmos", "var"], rows)
    return root


def make_kadis(root: Path, *, sources: int = 2, size: int = 128) -> Path:
    """KADIS-700k with its distorted versions made."""
    rows = []
    for source in range(sources):
        photo = drawn_photo(source, size, size)
        save(root / "ref_imgs" / f"p{source}.png", photo)
        rows.append([f"p{source}.png", 11])
        for level in range(1, 6):
            save(root / "dist_imgs" / f"p{source}_11_{level:02d}.bmp", noisy(photo, level))
    write_table(root / "kadis700k_ref_imgs.csv", ["ref_im", "dist_type"], rows)
    return root


def make_koniq(root: Path, *, images: int = 6, height: int = 96, width: int = 128) -> Path:
    """KonIQ-10k."""
    rows = []
    for index in range(images):
        save(root / "1024x768" / f"{index}.jpg", noisy(drawn_photo(index, height, width), index), quality=92)
        rows.append([f"{index}.jpg", 3.0, 0.6, 80 - 10 * index])
    write_table(root / "koniq10k_scores_and_distributions.csv", ["image_name", "MOS", "SD", "MOS_zscore"], rows)
    return root


def make_mcl_jci(
    root: Path, *, sources: int = 3, observers: int = 12, qfs: Sequence[int] = range(1, 101), size: int = 96
) -> Path:
    """MCL-JCI with samples of all three JNDs as CSV."""
    rng = np.random.default_rng(0)
    rows = []
    for image in range(1, sources + 1):
        photo = drawn_photo(image, size, size + 32)
        save(root / "source_images" / f"ImageJND_SRC{image:02d}.bmp", photo)
        folder = root / "distorted_image" / f"ImageJND_SRC{image:02d}"
        for qf in qfs:
            save(folder / f"ImageJND_SRC{image:02d}_{qf:03d}.jpg", photo, quality=qf)
        for jnd, centre in ((1, 30), (2, 20), (3, 13)):
            samples = np.clip(rng.gumbel(centre + image, 4, observers), 1, 100).astype(int)
            rows += [[image, jnd, observer, qf] for observer, qf in enumerate(samples)]
    write_table(root / "mcl_jci_jnd_samples.csv", ["image", "jnd", "observer", "qf"], rows)
    return root


def make_first_jnd_sheet(root: Path, qfs: Sequence[Sequence[int]]) -> Path:
    """The spreadsheet of the first JND beside a folder of MCL-JCI's images; one row and cell a photo."""
    book = Workbook()
    for image, values in enumerate(qfs, start=1):
        book.active.append([f"ImageJND_SRC{image:02d}", str(list(values))])
    book.save(root / "MCL-JCI_JND_samples.xlsx")
    return root


def make_jnd_pano(root: Path, *, sources: int = 3, qfs: Sequence[int] = range(1, 101), size: int = 96) -> Path:
    """JND-Pano with samples of the first JND."""
    rows = []
    for image in range(sources):
        photo = drawn_photo(image, size, 2 * size)
        save(root / "reference" / f"pano_{image}.png", photo)
        for qf in qfs:
            save(root / "jpeg" / f"pano_{image}_{qf:03d}.jpg", photo, quality=qf)
        rows += [[f"pano_{image}", 1, observer, 20 + 3 * (observer % 5)] for observer in range(10)]
    write_table(root / "samples.csv", ["image", "jnd", "observer", "qf"], rows)
    return root


def make_shen2020(root: Path, *, sources: int = 4, height: int = 256, width: int = 320) -> Path:
    """SHEN2020."""
    for source in range(sources):
        photo = drawn_photo(source, height, width)
        save(root / "original" / f"{source:03d}.png", photo)
        save(root / "jnd" / f"{source:03d}.png", noisy(photo, 1))
    return root


def make_konpatch(root: Path, *, sources: int = 5, patches: int = 6) -> Path:
    """KonPatch, and local opinions on two images."""
    rows = []
    for source in range(sources):
        for patch in range(patches):
            good = (source + patch) % 2
            name = f"{source}_{patch}.png"
            save(root / "patches" / name, noisy(drawn_photo(10 * source + patch, 64, 64), 0 if good else 6))
            rows.append([name, f"photo{source}", good, 40 + 10 * source])
    write_table(root / "patches.csv", ["patch", "source", "high_quality", "source_mos"], rows)
    boxes = []
    for image in range(2):
        save(root / "images" / f"{image}.png", drawn_photo(image, 160, 192))
        boxes += [[f"{image}.png", f"p{person}", 10, 10, 100, 90] for person in range(3)]
        boxes.append([f"{image}.png", "p3", "", "", "", ""])
    write_table(root / "boxes.csv", ["image", "participant", "left", "top", "right", "bottom"], boxes)
    return root


def make_hmii(root: Path, *, sources: int = 5, size: int = 64) -> Path:
    """HMII with patches of one size."""
    rows = []
    for source in range(sources):
        photo = drawn_photo(source, size, size)
        for qp in (25, 45):
            name = f"{source}_{qp}.png"
            save(root / "reference" / name, photo)
            save(root / "distorted" / name, noisy(photo, qp // 10))
            rows.append([name, name, f"video{source}", qp, 6 - qp / 10])
    write_table(root / "dmos.csv", ["reference", "distorted", "source", "qp", "dmos"], rows)
    return root
