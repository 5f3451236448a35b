import errno
import hashlib
import json
import os
import pickle
import resource
import stat
import time
from datetime import UTC, datetime

import google_crc32c
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from obstore.store import from_url as obstore_from_url
from zarr.storage import ObjectStore

from schema.arrays import parts
from schema.arrays.address import is_bucket
from schema.arrays.digest import findings_digest, volume_digest
from schema.arrays.runs import LabelRuns
from schema.arrays.shards import index_bytes, parse_index
from schema.arrays.store import ArrayStore
from schema.errors import ArrayCorrupt, ArrayStoreError, SettingsError

SHAPE = (70, 65, 130)
BOX = (3, 60, 100), (69, 65, 130)


@pytest.fixture
def volume():
    return np.random.default_rng(0).integers(-1024, 3000, SHAPE).astype(np.int16)


@pytest.fixture
def findings():
    labels = np.zeros((2, *SHAPE), np.uint8)
    labels[0, 3:5, 60:65, 120:130] = 1
    labels[0, 66:69, 0:2, 0:2] = 2
    labels[1, 10, 10, 10] = 255
    return [LabelRuns.from_dense(each) for each in labels]


def key(area, digest):
    return f"{area}/{digest[:2]}/{digest}"


def plain_zarr(store, area, digest):
    """The array as zarr-python opens it without our code: by its path, or through obstore."""
    address = store.address(area, digest)
    if not is_bucket(address):
        return zarr.open_array(address, mode="r")
    return zarr.open_array(ObjectStore(obstore_from_url(address, client_options={"allow_http": True})), mode="r")


def test_a_volume_comes_back_and_plain_zarr_opens_it(store, stored_objects, volume):
    stored = store.write_volume(volume)
    assert (stored.area, stored.shape_zyx, stored.dtype) == ("volumes", SHAPE, "int16")
    np.testing.assert_array_equal(store.read_volume(stored.digest), volume)
    store.verify_volume(stored.digest)

    array = plain_zarr(store, "volumes", stored.digest)
    np.testing.assert_array_equal(array[...], volume)
    assert (array.chunks, array.shards) == ((64, 64, 64), (128, 128, 192))
    assert array.metadata.dimension_names == ("z", "y", "x")
    assert array.attrs["groundct"] == {"format": 1, "digest": stored.digest}
    names = stored_objects.names(key("volumes", stored.digest))
    assert names == ["c/0/0/0", "zarr.json"]
    contents = [stored_objects.read(f"{key('volumes', stored.digest)}/{name}") for name in names]
    assert stored.stored_bytes == sum(map(len, contents))
    np.testing.assert_array_equal(store.open_volume(stored.digest)[...], volume)


def test_labels_come_back_and_plain_zarr_opens_them(store, findings):
    stored = store.write_labels(findings, "labels")
    assert (stored.area, stored.shape_zyx, stored.dtype) == ("labels", SHAPE, "uint8")
    store.verify_labels(stored.digest, "labels")
    array = plain_zarr(store, "labels", stored.digest)
    assert (array.shape, array.chunks, array.shards) == ((2, *SHAPE), (1, 64, 64, 64), (1, 128, 128, 192))
    assert array.metadata.dimension_names == ("finding", "z", "y", "x")
    assert array.attrs["groundct"]["findings"] == [each.digest() for each in findings]
    for index, finding in enumerate(findings):
        np.testing.assert_array_equal(array[index], finding.to_dense())
        np.testing.assert_array_equal(store.open_labels(stored.digest, "labels")[index], finding.to_dense())
        np.testing.assert_array_equal(store.read_labels(stored.digest, "labels", index), finding.to_dense())
        assert store.read_runs(stored.digest, "labels", index) == finding


def test_a_box_is_read_alone(store, volume, findings):
    box = BOX
    inside = tuple(slice(*ends) for ends in zip(*box, strict=True))
    np.testing.assert_array_equal(store.read_volume(store.write_volume(volume).digest, box), volume[inside])
    labels = store.write_labels(findings, "hidden").digest
    np.testing.assert_array_equal(store.read_labels(labels, "hidden", 0, box), findings[0].to_dense(box))
    assert store.read_labels(labels, "hidden", 0, ((1, 1, 1), (1, 1, 1))).shape == (0, 0, 0)


def test_empty_chunks_take_no_space(store, stored_objects):
    labels = np.zeros((300, 512, 512), np.uint8)
    labels[5, 5, 5] = 1
    finding = LabelRuns.from_dense(labels)
    stored = store.write_labels([finding, LabelRuns.empty(labels.shape)], "labels")
    assert stored_objects.names(key("labels", stored.digest)) == ["c/0/0/0/0", "zarr.json"]
    index_bytes = 5 * 8 * 8 * 16 + 4
    assert len(stored_objects.read(f"{key('labels', stored.digest)}/c/0/0/0/0")) < index_bytes + 100
    assert store.read_runs(stored.digest, "labels", 1) == LabelRuns.empty(labels.shape)
    store.verify_labels(stored.digest, "labels")


def test_a_volume_of_zeros_has_no_shard(store, stored_objects):
    stored = store.write_volume(np.zeros((3, 4, 5), np.int16))
    assert stored_objects.names(key("volumes", stored.digest)) == ["zarr.json"]
    assert not store.open_volume(stored.digest)[...].any()
    np.testing.assert_array_equal(store.read_volume(stored.digest), np.zeros((3, 4, 5)))
    store.verify_volume(stored.digest)


def test_no_findings_at_all(store):
    stored = store.write_labels([], "labels", shape_zyx=(3, 4, 5))
    assert store.open_labels(stored.digest, "labels").shape == (0, 3, 4, 5)
    store.verify_labels(stored.digest, "labels")
    with pytest.raises(ValueError, match="no finding 0: the array has 0"):
        store.read_runs(stored.digest, "labels", 0)


def test_labels_above_255_are_stored_in_two_bytes(store):
    finding = LabelRuns.from_dense(np.array([[[0, 256, 65535]]], np.uint16))
    stored = store.write_labels([finding], "labels")
    assert stored.dtype == "uint16"
    assert store.read_runs(stored.digest, "labels", 0) == finding
    with pytest.raises(ValueError, match="65536"):
        store.write_labels([LabelRuns.from_dense(np.full((1, 1, 1), 65536))], "labels")


@given(
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=70).flatmap(
        lambda shape: hnp.arrays(np.int16, shape, elements=st.integers(-(2**15), 2**15 - 1))
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_volume_comes_back(folder_store, voxels):
    store, stored = folder_store, folder_store.write_volume(voxels)
    np.testing.assert_array_equal(store.read_volume(stored.digest), voxels)
    store.verify_volume(stored.digest)


@given(st.tuples(*[st.integers(1, 140)] * 3), st.lists(st.integers(0, 2**32), max_size=3))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_labels_come_back(folder_store, shape, seeds):
    store = folder_store
    written = [LabelRuns.from_dense(scattered_labels(shape, seed)) for seed in seeds]
    stored = store.write_labels(written, "labels", shape_zyx=shape)
    assert [store.read_runs(stored.digest, "labels", index) for index in range(len(seeds))] == written
    store.verify_labels(stored.digest, "labels")


def scattered_labels(shape, seed):
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    for label in range(1, rng.integers(1, 5)):
        start = rng.integers(0, shape)
        stop = np.minimum(start + rng.integers(1, 40, 3), shape)
        labels[tuple(map(slice, start, stop))] = label * rng.integers(1, 200)
    return labels


def test_the_digest_knows_no_memory_order(store, volume):
    assert store.write_volume(np.asfortranarray(volume)).digest == store.write_volume(volume).digest
    assert volume_digest(volume.astype(">i2")) == volume_digest(volume)


def test_digest_vectors():
    assert (
        volume_digest(np.array([[[-1, 2]]], np.int16))
        == "77a2950fe7307d5abbceacab19e60f62f40592c64e39fb8b699c504a2e30bfd9"
    )
    finding = LabelRuns.from_dense(np.array([[[0, 3]]], np.uint8)).digest()
    assert findings_digest([finding], (1, 1, 2)) == "dc989920bdb452a3901f35fdb22d72a4bf7bae597a0e0d6ffbf19a57e102f4d6"


def test_the_order_of_findings_is_part_of_the_digest(store, findings):
    assert store.write_labels(findings, "labels").digest != store.write_labels(findings[::-1], "labels").digest


def test_what_is_there_is_not_written_again(store, volume, findings, monkeypatch):
    first = [store.write_volume(volume), store.write_labels(findings, "labels")]
    monkeypatch.setattr(parts, "encode_shard", None)
    assert [store.write_volume(volume), store.write_labels(findings, "labels")] == first


def test_found_again_counts_as_new(store, volume):
    digest = store.write_volume(volume).digest
    if not is_bucket(store.url):
        os.utime(store.path("volumes", digest), (0, 0))
    (before,) = store.iter_arrays()
    time.sleep(1.1)  # servers give whole seconds
    store.write_volume(volume)
    (entry,) = store.iter_arrays()
    assert entry.modified_at > before.modified_at
    assert abs((entry.modified_at - datetime.now(UTC)).total_seconds()) < 60


def test_iterate_and_delete(store, volume, findings):
    stored = [
        store.write_volume(volume),
        store.write_labels(findings, "labels"),
        store.write_labels([], "hidden", shape_zyx=SHAPE),
    ]
    found = {(entry.area, entry.digest, entry.stored_bytes) for entry in store.iter_arrays()}
    assert found == {(each.area, each.digest, each.stored_bytes) for each in stored}
    for each in stored:
        assert store.has(each.area, each.digest)
        store.delete(each.area, each.digest)
        store.delete(each.area, each.digest)
        assert not store.has(each.area, each.digest)
    assert list(store.iter_arrays()) == []
    assert store.write_volume(volume) == stored[0]


def test_hidden_labels_are_closed_to_others(folder_store, findings):
    store = folder_store
    digest = store.write_labels(findings, "hidden").digest
    hidden = store.path("hidden", digest).parents[1]
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700
    assert not store.has("labels", digest)


@pytest.mark.parametrize("address", ["ftp://host/arrays", "az://box", "s3://", "file://host/arrays", "", "file://"])
def test_what_is_no_address(address):
    with pytest.raises(SettingsError, match="give a folder's path"):
        ArrayStore(address)


@pytest.mark.parametrize("address", ["s3://key:secret@bucket/prefix", "s3://bucket/prefix?key=secret"])
def test_credentials_in_an_address_are_refused_and_not_repeated(address):
    with pytest.raises(SettingsError, match="AWS_") as refused:
        ArrayStore(address)
    assert "secret" not in str(refused.value)


def test_a_file_address_is_a_folder(tmp_path, volume):
    with ArrayStore(f"file://{tmp_path}/with%20space") as opened:
        digest = opened.write_volume(volume[:2, :2, :2]).digest
    assert ArrayStore(str(tmp_path / "with space")).has("volumes", digest)


def test_a_store_travels_to_another_process(store, volume):
    digest = store.write_volume(volume).digest
    assert pickle.loads(pickle.dumps(store)).has("volumes", digest)  # noqa: S301


def test_what_is_not_there_is_named(store):
    digest = "0" * 64
    for read in (store.read_volume, store.verify_volume, store.open_volume, store.open_regions):
        with pytest.raises(ArrayStoreError, match=f"volumes/00/{digest} is missing: restore"):
            read(digest)
    with pytest.raises(ArrayStoreError, match="hidden/00"):
        store.read_runs(digest, "hidden", 0)
    assert list(store.iter_arrays()) == []
    assert store.sweep_scratch() == 0


@pytest.mark.parametrize(("area", "digest"), [("volumes", "../../etc"), ("volumes", "0" * 63), ("scratch", "0" * 64)])
def test_names_cannot_lead_elsewhere(store, area, digest):
    with pytest.raises(ValueError, match="an array is named by"):
        store.path(area, digest)


def test_wrong_arguments(store, volume, findings):
    with pytest.raises(ValueError, match="int16"):
        store.write_volume(volume.astype(np.int32))
    with pytest.raises(ValueError, match="three positive sizes"):
        store.write_volume(volume[0])
    with pytest.raises(ValueError, match="one shape"):
        store.write_labels([*findings, LabelRuns.empty((1, 1, 1))], "labels")
    with pytest.raises(ValueError, match="one shape"):
        store.write_labels([], "labels")
    digest = store.write_labels(findings, "labels").digest
    with pytest.raises(ValueError, match="no finding 2"):
        store.read_labels(digest, "labels", 2)
    with pytest.raises(ValueError, match="does not lie within"):
        store.read_labels(digest, "labels", 0, ((0, 0, 0), (71, 1, 1)))


def change(objects, name, change):
    """Store what `change` makes of a part's bytes."""
    objects.write(name, bytes(change(bytearray(objects.read(name)))))


def flipped(place):
    def flip(content):
        content[place] ^= 1
        return content

    return flip


@pytest.mark.parametrize("place", [200, -100, -3])
def test_a_damaged_volume_is_found(store, stored_objects, volume, place):
    digest = store.write_volume(volume).digest
    assert np.array_equal(store.read_sound_volume(digest), volume)
    change(stored_objects, f"{key('volumes', digest)}/c/0/0/0", flipped(place))
    for read in (store.verify_volume, store.read_sound_volume):
        with pytest.raises(ArrayCorrupt, match=rf"{digest} is damaged .*: restore it from a backup"):
            read(digest)


@pytest.mark.parametrize("place", [4, 10, 20, -100, -3])
def test_damaged_labels_are_found(store, stored_objects, findings, place):
    digest = store.write_labels(findings, "labels").digest
    assert store.read_sound_runs(digest, "labels", 1).digest() == store.finding_digests(digest, "labels")[1]
    change(stored_objects, f"{key('labels', digest)}/c/1/0/0/0", flipped(place))
    with pytest.raises(ArrayCorrupt, match="damaged"):
        store.verify_labels(digest, "labels")
    with pytest.raises(ArrayCorrupt, match="damaged"):
        store.read_sound_runs(digest, "labels", 1)


@pytest.mark.parametrize("length", [1, 3, 100])
@pytest.mark.parametrize("opened", [False, True])
def test_cut_off_parts_are_found(store, stored_objects, volume, findings, length, opened):
    digests = store.write_volume(volume).digest, store.write_labels(findings, "labels").digest
    if opened:
        store.read_volume(digests[0]), store.read_runs(digests[1], "labels", 0)
    change(stored_objects, f"{key('volumes', digests[0])}/c/0/0/0", lambda content: content[:length])
    change(stored_objects, f"{key('labels', digests[1])}/c/0/0/0/0", lambda content: content[:length])
    for read in (store.read_volume, store.open_volume, store.verify_volume):
        with pytest.raises(ArrayCorrupt, match="damaged"):
            read(digests[0])
    with pytest.raises(ArrayCorrupt, match="damaged"):
        store.read_runs(digests[1], "labels", 0)


def test_an_empty_file_is_found(folder_store, volume):
    digest = folder_store.write_volume(volume).digest
    os.truncate(folder_store.path("volumes", digest) / "c/0/0/0", 0)
    with pytest.raises(ArrayCorrupt, match="hold no index"):
        folder_store.open_volume(digest)


@pytest.mark.parametrize("opened", [False, True])
def test_missing_parts_are_no_background(store, stored_objects, volume, findings, opened):
    digests = store.write_volume(volume).digest, store.write_labels(findings, "labels").digest
    if opened:
        store.read_volume(digests[0]), store.read_runs(digests[1], "labels", 1)
    stored_objects.remove(f"{key('volumes', digests[0])}/c/0/0/0")
    for read in (store.read_volume, store.open_volume, store.verify_volume):
        with pytest.raises(ArrayCorrupt, match="its voxels are missing"):
            read(digests[0])
    stored_objects.remove(f"{key('labels', digests[1])}/c/1/0/0/0")
    for read in (store.read_labels, store.read_runs):
        with pytest.raises(ArrayCorrupt, match="the labels of finding 1 are missing"):
            read(digests[1], "labels", 1)
    for read in (store.open_labels, store.verify_labels):
        with pytest.raises(ArrayCorrupt, match="the labels of finding 1 are missing"):
            read(digests[1], "labels")
    assert store.read_runs(digests[1], "labels", 0) == findings[0]
    stored_objects.remove(f"{key('labels', digests[1])}/zarr.json")
    with pytest.raises(ArrayStoreError, match=r"damaged|is missing"):
        ArrayStore(store.url).open_labels(digests[1], "labels")


def test_what_is_removed_and_written_again_is_read_anew(store, stored_objects, volume):
    digest = store.write_volume(volume).digest
    before = store.read_volume(digest, BOX)
    regions = store.open_regions(digest)
    shard, metadata = (f"{key('volumes', digest)}/{name}" for name in ("c/0/0/0", "zarr.json"))
    content = stored_objects.read(shard)
    document = stored_objects.read(metadata)
    store.delete("volumes", digest)
    with pytest.raises(ArrayStoreError, match="is missing"):
        store.read_volume(digest, BOX)
    stored_objects.write(shard, b"moved" + moved_index(content, 5))
    stored_objects.write(metadata, document)
    np.testing.assert_array_equal(store.read_volume(digest, BOX), before)
    with pytest.raises(ArrayStoreError, match="cannot be read"):
        regions.read(BOX)


def moved_index(shard, distance):
    """The shard of a volume of SHAPE with every chunk that far behind."""
    index = parse_index(shard[-index_bytes((2, 2, 3)) :], (2, 2, 3)).copy()
    index["offset"] += distance
    entries = index.tobytes()
    return shard[: -index_bytes((2, 2, 3))] + entries + google_crc32c.value(entries).to_bytes(4, "little")


def change_attributes(objects, array, **changes):
    def changed(content):
        metadata = json.loads(content)
        metadata["attributes"]["groundct"] |= changes
        return json.dumps(metadata).encode()

    change(objects, f"{array}/zarr.json", changed)


def test_attributes_of_another_array_are_found(store, stored_objects, findings):
    digest = store.write_labels(findings, "labels").digest
    change_attributes(stored_objects, key("labels", digest), findings=[each.digest() for each in findings[::-1]])
    with pytest.raises(ArrayCorrupt, match="finding 0 do not give its digest"):
        store.verify_labels(digest, "labels")
    change_attributes(stored_objects, key("labels", digest), digest="0" * 64)
    with pytest.raises(ArrayCorrupt, match="another array's"):
        store.open_labels(digest, "labels")
    change_attributes(stored_objects, key("labels", digest), format=2)
    with pytest.raises(ArrayStoreError, match="update the software"):
        store.open_labels(digest, "labels")


def test_labels_swapped_with_their_attributes_are_found(store, stored_objects, findings):
    digest = store.write_labels(findings, "labels").digest
    other = store.write_labels(findings[::-1], "labels").digest
    for name in stored_objects.names(key("labels", other)):
        stored_objects.write(f"{key('labels', digest)}/{name}", stored_objects.read(f"{key('labels', other)}/{name}"))
    change_attributes(stored_objects, key("labels", digest), digest=digest)
    with pytest.raises(ArrayCorrupt, match="do not give its own"):
        store.verify_labels(digest, "labels")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("codecs", 0, "configuration", "chunk_shape"), [32, 64, 64]),
        (("codecs", 0, "configuration", "codecs", 1, "name"), "gzip"),
        (("codecs", 0, "configuration", "index_location"), "start"),
        (("data_type",), "uint16"),
        (("fill_value",), 1),
        (("shape",), [70, 65]),
    ],
)
def test_a_layout_of_others_is_not_guessed_at(folder_store, volume, path, value):
    digest = folder_store.write_volume(volume).digest
    file = folder_store.path("volumes", digest) / "zarr.json"
    document = json.loads(file.read_text())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    file.write_text(json.dumps(document))
    with pytest.raises(ArrayCorrupt, match="damaged"):
        folder_store.read_volume(digest)


@pytest.mark.parametrize(
    "refusal", [(errno.ENOSPC, "free some space"), (errno.EACCES, "give this user"), (errno.EIO, "look at")]
)
def test_a_disk_that_refuses_leaves_nothing(folder_store, volume, findings, monkeypatch, refusal):
    store = folder_store
    code, remedy = refusal

    def refuse(descriptor):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(ArrayStoreError, match=f"cannot be written .*: {remedy}"):
            store.write_volume(volume)
        with pytest.raises(ArrayStoreError, match=remedy):
            store.write_labels(findings, "labels")
    assert list(store.iter_arrays()) == []
    root = store.path("volumes", "0" * 64).parents[2]
    assert [file.name for file in root.rglob("*") if file.is_file()] == ["lock"]


def test_a_real_limit_of_size_leaves_nothing(folder_store, volume):
    store = folder_store
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(ArrayStoreError, match="free some space"):
            store.write_volume(volume)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(store.iter_arrays()) == []
    store.verify_volume(store.write_volume(volume).digest)


def test_a_store_below_a_file_is_refused(tmp_path, volume):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArrayStoreError, match="GROUNDCT_ARRAYS"):
        ArrayStore(str(tmp_path / "file" / "arrays")).write_volume(volume)


def test_the_hash_of_stored_bytes_is_over_names_sizes_and_bytes(store, stored_objects, volume):
    stored = store.write_volume(volume)
    expected = hashlib.sha256()
    for name in stored_objects.names(key("volumes", stored.digest)):
        content = stored_objects.read(f"{key('volumes', stored.digest)}/{name}")
        expected.update(f"{name}\0{len(content)}\0".encode() + content)
    assert stored.stored_sha256 == expected.hexdigest()
    assert store.write_volume(volume).stored_sha256 == stored.stored_sha256


def test_hidden_labels_are_a_copy_with_the_same_digests(store, findings):
    shown = store.write_labels(findings, "labels")
    hidden = store.hide_labels(shown.digest)
    assert (hidden.area, hidden.digest) == ("hidden", shown.digest)
    assert store.finding_digests(hidden.digest, "hidden") == [each.digest() for each in findings]
    assert store.has("labels", shown.digest)


def test_prepare_makes_the_folder_and_refuses_a_file_in_its_place(tmp_path):
    ArrayStore(str(tmp_path / "a" / "b")).prepare()
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ArrayStoreError, match="cannot be written"):
        ArrayStore(str(tmp_path / "file" / "arrays")).prepare()
