-- An archive of :findings findings, 2.5 a scan, each with 2 entities in one annotation, in the order that an import
-- gives. Texts are made of parts, so that terms have their usual shares.

CREATE TEMP TABLE said AS
SELECT n, (n * 2 / 5) AS scan, md5('f' || n)::uuid AS finding, md5('a' || n)::uuid AS annotation,
       (ARRAY['1a','1b','1c','1d','1e','1f','2a','2b','2c','2d','2e','2f','2g','2h'])[1 + (hashint4(n) & 2147483647) % 14] AS code
FROM generate_series(0, :findings - 1) AS n;

INSERT INTO collection (name, naming) VALUES ('bench', 'ct_rate');
INSERT INTO patient (collection_id, key)
SELECT collection.id, 'bench_' || n FROM collection, generate_series(0, (SELECT max(scan) FROM said)) AS n;
INSERT INTO study (collection_id, patient_id, name) SELECT collection_id, id, key || '_a' FROM patient;
INSERT INTO scan (id, collection_id, study_id, name, shape_vox)
SELECT md5('s' || split_part(name, '_', 2))::uuid, collection_id, id, name || '_1', '{512,512,300}' FROM study;
INSERT INTO volume (scan_id, storage, digest, stored_sha256, stored_bytes, spacing_mm, affine_ras, orientation, hu_min, hu_max, body_midline_lps_mm)
SELECT id, 'copy', md5(name) || md5(name), repeat('0', 64), 100000000, '{0.75,0.75,1}',
       '{-0.75,0,0,190,0,-0.75,0,190,0,0,1,-150,0,0,0,1}', 'LPS', -1024, 3071, 0
FROM scan;
INSERT INTO finding (id, scan_id, source_index) SELECT finding, md5('s' || scan)::uuid, n - (scan * 5 + 1) / 2 FROM said;
INSERT INTO finding_revision (id, finding_id, revision, is_latest, text, category_id, category_code, present, text_side, source)
SELECT md5('r' || n)::uuid, finding, 1, true,
       format('%s x %s mm %s in the %s %s of the lung, %s', 3 + n % 40, 2 + n % 23,
              (ARRAY['nodule','ground-glass opacity','consolidation','cyst','emphysema','bronchiectasis','atelectasis'])[1 + n % 7],
              (ARRAY['right','left'])[1 + n % 2], (ARRAY['upper lobe','lower lobe','apex','base','hilum'])[1 + n % 5],
              (ARRAY['sharply bounded','with irregular margins','close to the pleura','unchanged'])[1 + n % 4]),
       category.id, code, true, (ARRAY['right','left'])[1 + n % 2]::side, 'import'
FROM said LEFT JOIN category USING (code);
INSERT INTO round (name, collection_id, protocols) SELECT 'first', id, '{}' FROM collection;
INSERT INTO open.label_array (id, scan_id, digest, stored_sha256, stored_bytes, findings)
SELECT md5('l' || name)::uuid, id, md5(name) || md5(name), repeat('0', 64), 100000, 5 FROM scan;
INSERT INTO open.annotation (id, finding_id, scan_id, round_id, version, state, policy, policy_limit, label_array_id, array_index, labels_digest, voxels)
SELECT annotation, finding, scan.id, round.id, 1, 'accepted', 'at_most', 3, md5('l' || scan.name)::uuid, n - (said.scan * 5 + 1) / 2,
       md5('d' || n) || md5('d' || n), 2000
FROM said JOIN scan ON scan.id = md5('s' || said.scan)::uuid, round;
INSERT INTO open.entity (id, annotation_id, label, voxels, box_i, box_j, box_k)
SELECT md5('e' || n || label)::uuid, annotation, label, 1000 + n % 977, int4range(100, 110), int4range(100 + n % 200, 110 + n % 200), int4range(50, 80)
FROM said, generate_series(1, :entities) AS label;
INSERT INTO open.geometry (entity_id, centroid_i, centroid_j, centroid_k, x_lps_mm, y_lps_mm, z_lps_mm, volume_mm3, side, components6, components18,
                      components26, hu_mean, hu_std, hu_min, hu_max, hu_median, surface_area_mm2, mesh_volume_mm3, sphericity, max_diameter_mm,
                      long_axis_mm, short_axis_mm, kernel_version, settings, device,
                      box_min_x_lps_mm, box_min_y_lps_mm, box_min_z_lps_mm, box_max_x_lps_mm, box_max_y_lps_mm, box_max_z_lps_mm)
SELECT md5('e' || n || label)::uuid, 104.5, 104.5 + n % 200, 54.5, -100 + n % 211, n % 97, -40 + n % 300, 400.25 + n % 977, (ARRAY['right','left'])[1 + n % 2]::side,
       1, 1, 1, -700.5 + n % 800, 90.5, -900, 200, -650, 300.125, 390.5, 0.8, 12.5, 11.25, 8.5, '1', '{}', 'cpu',
       -104 + n % 211, n % 97 - 4, -50 + n % 300, -96 + n % 211, n % 97 + 4, -30 + n % 300
FROM said, generate_series(1, :entities) AS label;
INSERT INTO organ_mask (scan_id, scheme, names, digest, stored_sha256, stored_bytes)
SELECT id, 'lobes', '{"1": "lung"}', md5(name) || md5(name), repeat('0', 64), 100000 FROM scan;
INSERT INTO open.location (entity_id, organ_mask_id, shares, lung_share, left_share, right_share, lobe, lobe_share, lung_border_mm,
                      rel_x, rel_y, rel_z, kernel_version, device)
SELECT md5('e' || n || label)::uuid, organ_mask.id, '{"lung": 0.75, "heart": 0.25}', 0.75, 0.5, 0.25,
       (ARRAY['left upper lobe','left lower lobe','right upper lobe','right middle lobe','right lower lobe'])[1 + n % 5], 0.5, n % 61 + 0.5,
       (n % 101) / 100.0, (n % 97) / 96.0, (n % 89) / 88.0, '1', 'cpu'
FROM said JOIN organ_mask ON organ_mask.scan_id = md5('s' || said.scan)::uuid, generate_series(1, :entities) AS label;
INSERT INTO scan_metadata (scan_id, manufacturer, manufacturer_model, patient_sex, patient_age_years, study_date, source)
SELECT id, (ARRAY['Siemens','Philips'])[1 + hashint8(study_id) & 1], 'model ' || study_id % 20, (ARRAY['F','M'])[1 + study_id % 2], 20 + study_id % 60,
       date '2015-01-01' + (study_id % 2000)::int, '{}'
FROM scan;
INSERT INTO release (name, collection_id, ontology_id, kind) SELECT 'all', collection.id, ontology.id, 'published' FROM collection, ontology LIMIT 1;
INSERT INTO release_split (release_id, name, visibility) SELECT id, split, 'open' FROM release, unnest(ARRAY['train', 'val']) AS split;
INSERT INTO release_scan (release_id, scan_id, split) SELECT release.id, scan.id, (ARRAY['train','train','train','val'])[1 + study_id % 4] FROM release, scan;
