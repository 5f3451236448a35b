-- The same rows, columns and conditions as in our query, as views: PostGraphile makes its schema of them.
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;
CREATE VIEW bench.scan AS SELECT scan.id, scan.name, scan.shape_vox, volume.spacing_mm FROM scan LEFT JOIN volume ON volume.scan_id = scan.id;
CREATE VIEW bench.category AS SELECT id, code, name, path FROM category;
CREATE VIEW bench.finding AS
SELECT finding.id, finding.scan_id, scan.name AS scan_name, finding.source_index AS index, finding_revision.text, finding_revision.text_side,
       finding_revision.category_id
FROM finding JOIN scan ON scan.id = finding.scan_id JOIN finding_revision ON finding_revision.finding_id = finding.id AND finding_revision.is_latest;
CREATE VIEW bench.entity AS
SELECT entity.id, annotation.finding_id, entity.label, geometry.volume_ml, geometry.side, geometry.hu_mean,
       CASE WHEN geometry.x_lps_mm IS NOT NULL THEN ARRAY[geometry.x_lps_mm, geometry.y_lps_mm, geometry.z_lps_mm] END AS centroid_lps_mm
FROM open.annotation JOIN open.entity ON entity.annotation_id = annotation.id LEFT JOIN open.geometry ON geometry.entity_id = entity.id
WHERE annotation.state = 'accepted';
COMMENT ON VIEW bench.scan IS E'@primaryKey id';
COMMENT ON VIEW bench.category IS E'@primaryKey id';
COMMENT ON VIEW bench.finding IS E'@primaryKey id\n@foreignKey (scan_id) references scan (id)\n@foreignKey (category_id) references category (id)';
COMMENT ON VIEW bench.entity IS E'@primaryKey id\n@foreignKey (finding_id) references finding (id)';
