"""Huffman tables and the coded blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.errors import ContainerInvalidError
from models.jpeg.entropy import Blocks, Differences, count_symbols, decode_blocks, encode_blocks
from models.jpeg.huffman import HuffmanTable, code_words, optimal_table, symbol_bits


def laplacian_blocks(count: int = 300, seed: int = 0) -> tuple[Blocks, Differences]:
    random = np.random.default_rng(seed)
    blocks = (random.laplace(size=(count, 64)) * 30 * np.exp(-np.arange(64) / 9)).astype(np.int16)
    blocks[::7, 1:] = 0
    blocks[::11, 63] = 1
    return blocks, random.integers(-2047, 2048, count).astype(np.int32)


def tables_for(blocks: Blocks, differences: Differences) -> tuple[HuffmanTable, HuffmanTable]:
    statistics = count_symbols(blocks, differences)
    return optimal_table(statistics.dc), optimal_table(statistics.ac)


def test_blocks_survive_the_round_trip() -> None:
    blocks, differences = laplacian_blocks()
    dc, ac = tables_for(blocks, differences)
    coded = encode_blocks(blocks, differences, dc, ac, byte_stuffing=False)
    decoded, decoded_differences, used = decode_blocks(np.frombuffer(coded, np.uint8), len(blocks), dc, ac)
    assert used == len(coded)
    np.testing.assert_array_equal(decoded[:, 1:], blocks[:, 1:])
    np.testing.assert_array_equal(decoded_differences, differences)


@settings(max_examples=40, deadline=None)
@given(arrays(np.int16, (3, 64), elements=st.sampled_from([0, 0, 0, 0, 1, -1, 1023, -1023])))
def test_any_block_survives_the_round_trip(blocks: NDArray[np.int16]) -> None:
    differences = np.array([2047, -2047, 0], np.int32)
    dc, ac = tables_for(blocks, differences)
    coded = encode_blocks(blocks, differences, dc, ac, byte_stuffing=False)
    decoded, _, _ = decode_blocks(np.frombuffer(coded, np.uint8), 3, dc, ac)
    np.testing.assert_array_equal(decoded[:, 1:], blocks[:, 1:])


def test_stuffing_puts_a_zero_after_each_full_byte() -> None:
    blocks, differences = laplacian_blocks()
    dc, ac = tables_for(blocks, differences)
    plain = encode_blocks(blocks, differences, dc, ac, byte_stuffing=False)
    assert b"\xff" in plain
    assert encode_blocks(blocks, differences, dc, ac, byte_stuffing=True) == plain.replace(b"\xff", b"\xff\x00")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**40), min_size=256, max_size=256).filter(any))
def test_tables_are_prefix_codes_of_at_most_16_bits_without_the_all_ones_code(counts: list[int]) -> None:
    histogram = np.array(counts, np.int64)
    table = optimal_table(histogram)
    assert sorted(table.symbols.tolist()) == np.flatnonzero(histogram).tolist()
    space = sum(int(n) << (16 - length) for length, n in enumerate(table.counts, start=1))
    assert space < 1 << 16
    codes, lengths = code_words(table)
    assert all(int(codes[s]) < (1 << int(lengths[s])) - 1 for s in table.symbols)


def test_frequent_symbols_get_short_codes_near_the_entropy() -> None:
    histogram = np.zeros(256, np.int64)
    histogram[:6] = [5000, 2500, 1200, 600, 300, 1]
    _, lengths = code_words(optimal_table(histogram))
    share = histogram[:6] / histogram.sum()
    assert (share * lengths[:6]).sum() < -(share * np.log2(share)).sum() + 0.1


def test_costs_count_code_and_extra_bits() -> None:
    histogram = np.zeros(256, np.int64)
    histogram[[0x00, 0x01]] = 1000
    bits = symbol_bits(histogram)
    assert bits[0x01] == pytest.approx(2, abs=0.2)
    assert bits[0x00] == pytest.approx(1, abs=0.2)
    assert np.isfinite(bits).all()
    assert bits[0x11] > 10


def test_truncated_data_are_refused() -> None:
    blocks, differences = laplacian_blocks()
    dc, ac = tables_for(blocks, differences)
    coded = np.frombuffer(encode_blocks(blocks, differences, dc, ac, byte_stuffing=False), np.uint8)
    with pytest.raises(ContainerInvalidError):
        decode_blocks(coded[:-2], len(blocks), dc, ac)
    with pytest.raises(ContainerInvalidError):
        decode_blocks(coded[:3], len(blocks), dc, ac)


def test_a_code_that_no_table_has_is_refused() -> None:
    table = HuffmanTable(np.array([1] + [0] * 15, np.uint8), np.array([0], np.uint8))
    with pytest.raises(ContainerInvalidError):
        decode_blocks(np.full(4, 0xFF, np.uint8), 1, table, table)
