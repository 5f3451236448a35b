"""Collections, patients, studies, scans and their volumes, reports."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TYPES = """
CREATE TYPE naming AS ENUM ('ct_rate');
CREATE TYPE volume_storage AS ENUM ('copy', 'reference');
CREATE TYPE section AS ENUM ('clinical_information', 'technique', 'findings', 'impression');
"""

PUBLIC = """
CREATE TABLE collection (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  name VARCHAR NOT NULL,
  naming naming NOT NULL,
  terms VARCHAR,
  CONSTRAINT pk_collection PRIMARY KEY (id),
  CONSTRAINT ck_collection_name_is_slug CHECK (name ~ '^[a-z0-9][a-z0-9_-]*$'),
  CONSTRAINT uq_collection_name UNIQUE (name)
);
COMMENT ON TABLE collection IS 'One source of scans with its terms of use and its parser of names; names are unique within it.';
COMMENT ON COLUMN collection.id IS 'Key, made by the database.';
COMMENT ON COLUMN collection.name IS 'The slug that commands and identities use.';
COMMENT ON COLUMN collection.naming IS 'How scan names are read.';
COMMENT ON COLUMN collection.terms IS 'Licence or terms of use of everything in it, unless an asset says otherwise; null is unknown.';

CREATE TABLE patient (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  collection_id BIGINT NOT NULL,
  key VARCHAR NOT NULL,
  CONSTRAINT pk_patient PRIMARY KEY (id),
  CONSTRAINT uq_patient_collection_id_key UNIQUE (collection_id, key),
  CONSTRAINT fk_patient_collection_id_collection FOREIGN KEY(collection_id) REFERENCES collection (id)
);
COMMENT ON TABLE patient IS 'One person within a collection.';
COMMENT ON COLUMN patient.id IS 'Key, made by the database.';
COMMENT ON COLUMN patient.key IS 'The collection''s key of the person: prefix and number in CT-RATE, never the number alone.';

CREATE TABLE study (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  collection_id BIGINT NOT NULL,
  patient_id BIGINT NOT NULL,
  name VARCHAR NOT NULL,
  dicom_uid VARCHAR,
  CONSTRAINT pk_study PRIMARY KEY (id),
  CONSTRAINT uq_study_collection_id_name UNIQUE (collection_id, name),
  CONSTRAINT fk_study_collection_id_collection FOREIGN KEY(collection_id) REFERENCES collection (id),
  CONSTRAINT fk_study_patient_id_patient FOREIGN KEY(patient_id) REFERENCES patient (id)
);
CREATE INDEX ix_study_patient_id ON study (patient_id);
COMMENT ON TABLE study IS 'One examination of a patient, with one or more reconstructions.';
COMMENT ON COLUMN study.id IS 'Key, made by the database.';
COMMENT ON COLUMN study.dicom_uid IS 'StudyInstanceUID, where known.';

CREATE TABLE scan (
  id UUID NOT NULL,
  collection_id BIGINT NOT NULL,
  study_id BIGINT NOT NULL,
  name VARCHAR NOT NULL,
  shape_vox INTEGER[] NOT NULL,
  dicom_uid VARCHAR,
  CONSTRAINT pk_scan PRIMARY KEY (id),
  CONSTRAINT uq_scan_collection_id_name UNIQUE (collection_id, name),
  CONSTRAINT ck_scan_shape_vox_three_positive CHECK (cardinality(shape_vox) = 3 AND shape_vox[1] > 0 AND shape_vox[2] > 0 AND shape_vox[3] > 0),
  CONSTRAINT fk_scan_collection_id_collection FOREIGN KEY(collection_id) REFERENCES collection (id),
  CONSTRAINT fk_scan_study_id_study FOREIGN KEY(study_id) REFERENCES study (id)
);
CREATE INDEX ix_scan_name ON scan (name);
CREATE INDEX ix_scan_study_id ON scan (study_id);
COMMENT ON TABLE scan IS 'One reconstruction of a study, one volume; the array frame that its masks share.';
COMMENT ON COLUMN scan.id IS 'UUIDv5 of collection and name.';
COMMENT ON COLUMN scan.shape_vox IS 'Voxels along i, j, k of the NIfTI array.';
COMMENT ON COLUMN scan.dicom_uid IS 'SeriesInstanceUID, where known.';

CREATE TABLE volume (
  scan_id UUID NOT NULL,
  storage volume_storage NOT NULL,
  digest VARCHAR NOT NULL,
  stored_sha256 VARCHAR,
  stored_bytes BIGINT NOT NULL,
  source_path VARCHAR,
  spacing_mm DOUBLE PRECISION[] NOT NULL,
  affine_ras DOUBLE PRECISION[] NOT NULL,
  orientation VARCHAR NOT NULL,
  hu_min INTEGER NOT NULL,
  hu_max INTEGER NOT NULL,
  body_midline_lps_mm DOUBLE PRECISION NOT NULL,
  terms VARCHAR,
  CONSTRAINT pk_volume PRIMARY KEY (scan_id),
  CONSTRAINT ck_volume_affine_is_4x4 CHECK (cardinality(affine_ras) = 16),
  CONSTRAINT ck_volume_hu_ordered CHECK (hu_min <= hu_max),
  CONSTRAINT ck_volume_reference_has_path CHECK ((storage = 'reference') = (source_path IS NOT NULL)),
  CONSTRAINT ck_volume_copy_has_stored_sha256 CHECK ((storage = 'copy') = (stored_sha256 IS NOT NULL)),
  CONSTRAINT ck_volume_spacing_mm_three_positive CHECK (cardinality(spacing_mm) = 3 AND spacing_mm[1] > 0 AND spacing_mm[2] > 0 AND spacing_mm[3] > 0),
  CONSTRAINT ck_volume_digest_is_sha256 CHECK (digest ~ '^[0-9a-f]{64}$'),
  CONSTRAINT ck_volume_stored_sha256_is_sha256 CHECK (stored_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT fk_volume_scan_id_scan FOREIGN KEY(scan_id) REFERENCES scan (id)
);
CREATE INDEX ix_volume_digest ON volume (digest);
COMMENT ON TABLE volume IS 'The voxels of a scan in HU, stored as Zarr or left in place; a scan without a row has none.';
COMMENT ON COLUMN volume.digest IS 'sha256 of the canonical voxels: int16 HU in (z, y, x) order; its name in the array store.';
COMMENT ON COLUMN volume.stored_sha256 IS 'sha256 of the stored bytes.';
COMMENT ON COLUMN volume.stored_bytes IS 'Bytes in the array store; 0 when left in place.';
COMMENT ON COLUMN volume.source_path IS 'Where the file is, when it was left in place.';
COMMENT ON COLUMN volume.spacing_mm IS 'Voxel size along i, j, k.';
COMMENT ON COLUMN volume.affine_ras IS 'The NIfTI affine, voxel centre (i, j, k) to RAS mm, 4 x 4 row by row.';
COMMENT ON COLUMN volume.orientation IS 'Where i, j, k point, as three letters such as LPS.';
COMMENT ON COLUMN volume.body_midline_lps_mm IS 'LPS x of the body''s middle, against which sides are told.';
COMMENT ON COLUMN volume.terms IS 'Terms of use of this volume, where they differ from the collection''s.';

CREATE TABLE scan_metadata (
  scan_id UUID NOT NULL,
  manufacturer VARCHAR,
  manufacturer_model VARCHAR,
  patient_sex VARCHAR,
  patient_age_years FLOAT,
  study_date DATE,
  source JSONB NOT NULL,
  CONSTRAINT pk_scan_metadata PRIMARY KEY (scan_id),
  CONSTRAINT fk_scan_metadata_scan_id_scan FOREIGN KEY(scan_id) REFERENCES scan (id)
);
CREATE INDEX ix_scan_metadata_manufacturer ON scan_metadata (manufacturer);
CREATE INDEX ix_scan_metadata_patient_age_years ON scan_metadata (patient_age_years);
COMMENT ON TABLE scan_metadata IS 'What the collection''s metadata table says of a scan.';
COMMENT ON COLUMN scan_metadata.source IS 'The row as it came, by column.';

CREATE TABLE abnormality (
  scan_id UUID NOT NULL,
  name VARCHAR NOT NULL,
  present BOOLEAN NOT NULL,
  CONSTRAINT pk_abnormality PRIMARY KEY (scan_id, name),
  CONSTRAINT fk_abnormality_scan_id_scan FOREIGN KEY(scan_id) REFERENCES scan (id)
);
CREATE INDEX ix_abnormality_name ON abnormality (name) WHERE present;
COMMENT ON TABLE abnormality IS 'One of the collection''s binary labels of a scan, told from its report by a classifier.';

CREATE TABLE organ_mask (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  scan_id UUID NOT NULL,
  scheme VARCHAR NOT NULL,
  names JSONB NOT NULL,
  digest VARCHAR NOT NULL,
  stored_sha256 VARCHAR NOT NULL,
  stored_bytes BIGINT NOT NULL,
  CONSTRAINT pk_organ_mask PRIMARY KEY (id),
  CONSTRAINT uq_organ_mask_scan_id_scheme UNIQUE (scan_id, scheme),
  CONSTRAINT ck_organ_mask_digest_is_sha256 CHECK (digest ~ '^[0-9a-f]{64}$'),
  CONSTRAINT ck_organ_mask_stored_sha256_is_sha256 CHECK (stored_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT fk_organ_mask_scan_id_scan FOREIGN KEY(scan_id) REFERENCES scan (id)
);
COMMENT ON TABLE organ_mask IS 'Lungs, lobes, airways... of a scan: one label array under a named scheme.';
COMMENT ON COLUMN organ_mask.id IS 'Key, made by the database.';
COMMENT ON COLUMN organ_mask.scheme IS 'The label scheme, such as `totalsegmentator-v2` or `lungs`.';
COMMENT ON COLUMN organ_mask.names IS 'Label value to organ name.';

CREATE TABLE report (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  study_id BIGINT NOT NULL,
  language VARCHAR NOT NULL,
  machine_translated BOOLEAN,
  clinical_information VARCHAR,
  technique VARCHAR,
  findings VARCHAR,
  impression VARCHAR,
  CONSTRAINT pk_report PRIMARY KEY (id),
  CONSTRAINT uq_report_study_id_language UNIQUE (study_id, language),
  CONSTRAINT fk_report_study_id_study FOREIGN KEY(study_id) REFERENCES study (id)
);
COMMENT ON TABLE report IS 'The report of a study in one language; a row without text stands from the first day.';
COMMENT ON COLUMN report.id IS 'Key, made by the database.';
COMMENT ON COLUMN report.language IS 'BCP 47 tag; `und` while no text has come.';
COMMENT ON COLUMN report.machine_translated IS 'Whether a machine translated it; null is unknown.';

CREATE TABLE sentence (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  report_id BIGINT NOT NULL,
  section section NOT NULL,
  start_char INTEGER NOT NULL,
  end_char INTEGER NOT NULL,
  text VARCHAR NOT NULL,
  CONSTRAINT pk_sentence PRIMARY KEY (id),
  CONSTRAINT uq_sentence_report_id_section_start_char UNIQUE (report_id, section, start_char),
  CONSTRAINT ck_sentence_span_not_empty CHECK (0 <= start_char AND start_char < end_char),
  CONSTRAINT fk_sentence_report_id_report FOREIGN KEY(report_id) REFERENCES report (id)
);
COMMENT ON TABLE sentence IS 'One sentence of a report: `section[start_char:end_char]`.';
COMMENT ON COLUMN sentence.id IS 'Key, made by the database.';
COMMENT ON COLUMN sentence.end_char IS 'Half-open, in characters of the section''s text.';
"""


def upgrade() -> None:
    op.execute(TYPES)
    op.execute(PUBLIC)


def downgrade() -> None:
    op.execute(
        "DROP TABLE sentence, report, organ_mask, abnormality, scan_metadata, volume, scan, study, patient, collection"
    )
    op.execute("DROP TYPE naming, volume_storage, section")
