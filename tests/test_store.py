"""The feature store: same rows, same bytes; damage is noticed; nothing is lost or mixed up."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emometric.base.errors import StoreError
from emometric.storage import shards, store


def rows(n=7, tail=(3,), seed=0):
    generator = np.random.default_rng(seed)
    return [
        (f"emodb/clip{number:02d}", generator.normal(size=(1 + number * 5 % 11, *tail)))
        for number in range(n)
    ]


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_rows_come_back_as_they_were(tmp_path):
    wanted = rows()
    assert store.write_ragged(tmp_path, wanted, dtype="float32", shard_bytes=200) == 7
    ragged = store.Ragged(tmp_path)
    ragged.check()
    assert ragged.ids == tuple(clip_id for clip_id, _ in wanted)
    assert len(list(tmp_path.glob("*.npz"))) > 1
    for clip_id, array in wanted:
        assert ragged.lengths[clip_id] == len(array)
        np.testing.assert_array_equal(ragged.read(clip_id), array.astype(np.float32))
    asked = [ragged.ids[i] for i in (5, 0, 5, 2)]
    for array, clip_id in zip(ragged.read_many(asked), asked, strict=True):
        np.testing.assert_array_equal(array, dict(wanted)[clip_id].astype(np.float32))


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 9), max_size=8),
    tail=st.sampled_from([(), (2,), (2, 3)]),
    dtype=st.sampled_from(["int16", "float16", "float32"]),
    shard_bytes=st.integers(1, 200),
    seed=st.integers(0, 99),
)
def test_bytes_do_not_hang_on_the_order_of_rows(
    tmp_path_factory, lengths, tail, dtype, shard_bytes, seed
):
    generator = np.random.default_rng(seed)
    made = [
        (f"c/{number}ü", generator.integers(-99, 99, (length, *tail)))
        for number, length in enumerate(lengths)
    ]
    shuffled = [made[i] for i in generator.permutation(len(made))]
    one, two = (tmp_path_factory.mktemp("store") for _ in range(2))
    store.write_ragged(one, made, dtype=dtype, shard_bytes=shard_bytes)
    store.write_ragged(two, iter(shuffled), dtype=dtype, shard_bytes=shard_bytes)
    assert files(one) == files(two)
    ragged = store.Ragged(one)
    ragged.check()
    for clip_id, array in made:
        np.testing.assert_array_equal(ragged.read(clip_id), array)
        assert ragged.read(clip_id).dtype == dtype


def test_bytes_do_not_hang_on_the_clock(tmp_path, monkeypatch):
    store.write_ragged(tmp_path / "one", rows(), dtype="float16")
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    store.write_ragged(tmp_path / "two", rows(), dtype="float16")
    assert files(tmp_path / "one") == files(tmp_path / "two")


def grouped(sizes, shard_bytes):
    return list(shards.grouped(sizes.items(), lambda row: row, shard_bytes))


SIZES = st.dictionaries(st.text(max_size=5), st.integers(0, 300), max_size=40)


@given(sizes=SIZES, shard_bytes=st.integers(1, 500))
def test_shards_hold_whole_rows_up_to_their_size(sizes, shard_bytes):
    groups = grouped(sizes, shard_bytes)
    assert [row for group in groups for row in group] == list(sizes.items())
    assert all(groups)
    for group in groups:
        assert sum(size for _, size in group) <= shard_bytes or len(group) == 1


def test_shards_are_an_eighth_of_the_most_on_average():
    sizes = {f"emodb/{number:05d}": 900 + number % 200 for number in range(20_000)}
    mean = np.mean([sum(size for _, size in group) for group in grouped(sizes, 160_000)])
    assert 16_000 < mean < 24_000


def test_a_row_more_changes_a_shard_or_two():
    sizes = {f"ravdess/{number:05d}": 1000 for number in range(5000)}
    for place in range(3, 5000, 499):
        more = dict(sorted({**sizes, f"ravdess/{place:05d}+": 1000}.items()))
        before, after = ({tuple(group) for group in grouped(one, 160_000)} for one in (sizes, more))
        assert 1 <= len(after - before) <= 3 and len(before - after) <= 2


def test_numpy_reads_the_shards_without_pickle(tmp_path):
    made = rows(3)
    store.write_ragged(tmp_path, made, dtype="float32")
    with np.load(tmp_path / "000.npz", allow_pickle=False) as shard:
        assert sorted(shard) == ["ids", "offsets", "values"]
        assert [clip_id.decode() for clip_id in shard["ids"]] == [clip_id for clip_id, _ in made]
        assert shard["offsets"].tolist() == np.cumsum([0, *(len(a) for _, a in made)]).tolist()
        np.testing.assert_array_equal(
            shard["values"], np.concatenate([array for _, array in made]).astype(np.float32)
        )


def test_a_row_read_is_the_readers_own(tmp_path):
    store.write_ragged(tmp_path, rows(2), dtype="float32")
    ragged = store.Ragged(tmp_path)
    ragged.read("emodb/clip00")[:] = 7
    ragged.check()


def test_an_open_store_can_be_sent_to_another_process(tmp_path):
    store.write_ragged(tmp_path, rows(2), dtype="float32")
    ragged = store.Ragged(tmp_path)
    ragged.check()
    assert len(pickle.dumps(ragged)) < 2000
    pickle.loads(pickle.dumps(ragged)).check()


def test_an_empty_store(tmp_path):
    assert store.write_ragged(tmp_path, [], dtype="int16") == 0
    ragged = store.Ragged(tmp_path)
    ragged.check()
    assert ragged.ids == () and len(ragged) == 0


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_changed_byte_is_noticed(tmp_path, at):
    store.write_ragged(tmp_path, [("a", np.ones((500, 4)))], dtype="float32")
    path = tmp_path / "000.npz"
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= 255
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"000\.npz.*(damaged|fit).*dvc repro"):
        store.Ragged(tmp_path).check()


def test_what_is_missing_or_truncated_is_refused_with_the_cure(tmp_path):
    with pytest.raises(StoreError, match=r"no such table.*dvc repro"):
        store.Ragged(tmp_path)
    store.write_ragged(tmp_path, rows(3), dtype="float32")
    with pytest.raises(StoreError, match=r"no clip 'x'.*dvc repro"):
        store.Ragged(tmp_path).read("x")
    path = tmp_path / "000.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match=r"000\.npz is damaged"):
        store.Ragged(tmp_path).read("emodb/clip00")
    path.unlink()
    with pytest.raises(StoreError, match=r"000\.npz is missing"):
        store.Ragged(tmp_path).read("emodb/clip00")
    (tmp_path / "index.parquet").write_text("no table")
    with pytest.raises(StoreError, match=r"index\.parquet is damaged"):
        store.Ragged(tmp_path)


def test_rows_that_do_not_belong_together_are_refused(tmp_path):
    twice = [("a", np.zeros((2, 3))), ("a", np.zeros((2, 3)))]
    with pytest.raises(StoreError, match="'a' comes twice"):
        store.write_ragged(tmp_path / "twice", twice, dtype="float32")
    unlike = [("a", np.zeros((2, 3))), ("b", np.zeros((2, 4)))]
    with pytest.raises(StoreError, match=r"'b' has the shape \(2, 4\)"):
        store.write_ragged(tmp_path / "unlike", unlike, dtype="float32")
    store.write_ragged(tmp_path / "full", rows(2), dtype="float32")
    with pytest.raises(StoreError, match="a store already"):
        store.write_ragged(tmp_path / "full", rows(2), dtype="float32")


def test_functionals_come_back_sorted_and_equal_rows_give_equal_bytes(tmp_path):
    values = np.array([[1.5, 2], [3, 4], [5, np.pi]], np.float32)
    store.write_functionals(tmp_path / "one.parquet", ["b", "a", "c"], ["x", "y"], values)
    order = [2, 0, 1]
    store.write_functionals(
        tmp_path / "two.parquet", [("b", "a", "c")[i] for i in order], ["x", "y"], values[order]
    )
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    ids, names, read = store.read_functionals(tmp_path / "one.parquet")
    assert (ids, names) == (("a", "b", "c"), ("x", "y"))
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values[[1, 0, 2]])


def test_functionals_of_no_clip_keep_their_names(tmp_path):
    path = tmp_path / "none.parquet"
    store.write_functionals(path, [], ["x", "y"], np.empty((0, 2), np.float32))
    ids, names, values = store.read_functionals(path)
    assert (ids, names, values.shape) == ((), ("x", "y"), (0, 2))


def test_functionals_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "f.parquet"
    with pytest.raises(StoreError, match="do not fit 2 clips"):
        store.write_functionals(path, ["a", "b"], ["x"], np.zeros((3, 1)))
    with pytest.raises(StoreError, match="occurs twice"):
        store.write_functionals(path, ["a", "a"], ["x"], np.zeros((2, 1)))
    with pytest.raises(StoreError, match="no such table"):
        store.read_functionals(path)
    path.write_bytes(b"PAR1")
    with pytest.raises(StoreError, match="is damaged"):
        store.read_functionals(path)


def test_a_changed_byte_of_the_index_is_damage_and_no_other_error(tmp_path):
    """Column names are in the footer, which has no checksum; pages have one."""
    store.write_ragged(tmp_path, rows(), dtype="float32")
    path = tmp_path / store.INDEX
    whole = path.read_bytes()
    n_noticed = 0
    for place in range(0, len(whole), 5):
        for change in (1, 128):
            changed = bytearray(whole)
            changed[place] ^= change
            path.write_bytes(changed)
            try:
                list(store.read_index(tmp_path))
            except StoreError:
                n_noticed += 1
    assert n_noticed > len(whole) // 5
