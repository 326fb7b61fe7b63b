BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE batch (
	id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	first_position BIGINT NOT NULL, 
	last_position BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	identity TEXT NOT NULL, 
	voids BIGINT, 
	collection TEXT, 
	published_at BIGINT, 
	published_basis TEXT, 
	received_at BIGINT, 
	supplier TEXT, 
	scope TEXT NOT NULL, 
	file_name TEXT, 
	file_sha256 TEXT, 
	definitions_sha256 TEXT, 
	rows_read BIGINT NOT NULL, 
	counts TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	actor_kind TEXT NOT NULL, 
	on_behalf_of TEXT, 
	reason TEXT, 
	run_id TEXT, 
	code_version TEXT NOT NULL, 
	simulated BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(voids) REFERENCES batch (id), 
	FOREIGN KEY(file_sha256) REFERENCES landed_file (sha256)
);
INSERT INTO "batch" VALUES(1,'vintage',1,2,1795600154710287,'',NULL,'lait',1700000000000000,NULL,NULL,NULL,'{"kind":"overlay"}',NULL,NULL,NULL,0,'{}','ann','person',NULL,NULL,NULL,'starledger 0.1.0',0);
INSERT INTO "batch" VALUES(2,'vintage',3,3,1795600154830083,'',NULL,'lait',1710000000000000,NULL,NULL,NULL,'{"kind":"overlay"}',NULL,NULL,NULL,0,'{}','ann','person',NULL,NULL,NULL,'starledger 0.1.0',0);
INSERT INTO "batch" VALUES(3,'release',4,13,1795600154991080,'',NULL,NULL,NULL,NULL,NULL,NULL,'{"kind":"overlay"}',NULL,NULL,NULL,0,'{}','ann','person',NULL,NULL,NULL,'starledger 0.1.0',0);
INSERT INTO "batch" VALUES(4,'void',14,14,1795600155102213,'',2,NULL,NULL,NULL,NULL,NULL,'{"kind":"overlay"}',NULL,NULL,NULL,0,'{}','ann','person',NULL,'the wrong file',NULL,'starledger 0.1.0',0);
CREATE TABLE batch_tree (
	batch BIGINT NOT NULL, 
	events_root BLOB NOT NULL, 
	quarantine_sha256 TEXT, 
	subtrees BLOB NOT NULL, 
	PRIMARY KEY (batch), 
	FOREIGN KEY(batch) REFERENCES batch (id)
);
INSERT INTO "batch_tree" VALUES(1,X'2D6EDA2508627039A3398884095F46FCD499642F012183F81E56358BFB54F5F1',NULL,X'');
INSERT INTO "batch_tree" VALUES(2,X'A71E79F4A2945D05FB4A7DE17A786E7BF103E603003525E05CF4DDF0E893D3A7',NULL,X'');
INSERT INTO "batch_tree" VALUES(3,X'F5741D2CC7FC2AEC99921E4F02D30BC05D3E682A2FC8F6F0991F2BACE590B2D5',NULL,X'');
INSERT INTO "batch_tree" VALUES(4,X'4D4E7B5ADBB336BD53AB5CC0B37A679491C1167B0573FF3DF8C1595C033A0B25',NULL,X'');
CREATE TABLE event (
	position INTEGER NOT NULL, 
	batch BIGINT NOT NULL, 
	type TEXT NOT NULL, 
	schema_version BIGINT NOT NULL, 
	collection TEXT, 
	indicator TEXT, 
	definition TEXT, 
	organisation TEXT, 
	organisation_code TEXT, 
	period TEXT, 
	period_label TEXT, 
	value DOUBLE, 
	numerator DOUBLE, 
	denominator DOUBLE, 
	obs_status TEXT, 
	conf_status TEXT, 
	published_at BIGINT, 
	stated_by BIGINT, 
	source_batch BIGINT, 
	source_row BIGINT, 
	reason TEXT, 
	payload TEXT, 
	PRIMARY KEY (position), 
	FOREIGN KEY(batch) REFERENCES batch (id)
);
INSERT INTO "event" VALUES(1,1,'observation',1,'lait','LAIT:InfMort','1','camden','202','2022-01-01/P1Y','2022 (Prov)',3.5,NULL,NULL,'P',NULL,1700000000000000,NULL,NULL,2,NULL,NULL);
INSERT INTO "event" VALUES(2,1,'observation',1,'lait','LAIT:InfMort','1','hackney','204','2022-01-01/P1Y','2022 (Prov)',NULL,NULL,NULL,'O',NULL,1700000000000000,NULL,NULL,3,NULL,NULL);
INSERT INTO "event" VALUES(3,2,'withdrawal',1,'lait','LAIT:InfMort',NULL,'hackney',NULL,'2022-01-01/P1Y',NULL,NULL,NULL,NULL,NULL,NULL,1710000000000000,NULL,NULL,NULL,'withdrawn',NULL);
INSERT INTO "event" VALUES(4,3,'case',1,NULL,NULL,NULL,'camden',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1700000000000000,NULL,NULL,NULL,NULL,'{"said":"a case"}');
INSERT INTO "event" VALUES(5,3,'check_result',1,NULL,NULL,NULL,'camden',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1700000000000000,NULL,NULL,NULL,NULL,'{"said":"a check_result"}');
INSERT INTO "event" VALUES(6,3,'decision',1,NULL,NULL,NULL,'camden',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1700000000000000,NULL,NULL,NULL,NULL,'{"said":"a decision"}');
INSERT INTO "event" VALUES(7,3,'definition',1,NULL,NULL,NULL,'camden',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1700000000000000,NULL,NULL,NULL,NULL,'{"said":"a definition"}');
INSERT INTO "event" VALUES(8,3,'evidence',1,NULL,NULL,NULL,'camden',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1700000000000000,NULL,NULL,NULL,NULL,'{"said":"a evidence"}');
INSERT INTO "event" VALUES(9,3,'judgement',1,NULL,NULL,NULL,'camden',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1700000000000000,NULL,NULL,NULL,NULL,'{"said":"a judgement"}');
INSERT INTO "event" VALUES(10,3,'published_rating',1,NULL,NULL,NULL,'camden',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1700000000000000,NULL,NULL,NULL,NULL,'{"said":"a published_rating"}');
INSERT INTO "event" VALUES(11,3,'query',1,NULL,NULL,NULL,'camden',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1700000000000000,NULL,NULL,NULL,NULL,'{"said":"a query"}');
INSERT INTO "event" VALUES(12,3,'release',1,NULL,NULL,NULL,'camden',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1700000000000000,NULL,NULL,NULL,NULL,'{"said":"a release"}');
INSERT INTO "event" VALUES(13,3,'snapshot_built',1,NULL,NULL,NULL,'camden',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1700000000000000,NULL,NULL,NULL,NULL,'{"said":"a snapshot_built"}');
INSERT INTO "event" VALUES(14,4,'batch_voided',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'the wrong file','{"batch":2}');
CREATE TABLE landed_file (
	sha256 TEXT NOT NULL, 
	byte_size BIGINT NOT NULL, 
	file_name TEXT NOT NULL, 
	landed_at BIGINT NOT NULL, 
	PRIMARY KEY (sha256)
);
CREATE TABLE ledger (
	id INTEGER NOT NULL, 
	origin TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	founded_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "ledger" VALUES(1,'starledger-6f469dd1-b634-4c86-b757-630034a7445b','demonstration',1795600149447101);
CREATE TABLE purged (
	position INTEGER NOT NULL, 
	leaf BLOB NOT NULL, 
	what TEXT NOT NULL, 
	authority TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	purged_at BIGINT NOT NULL, 
	purged_by BIGINT NOT NULL, 
	PRIMARY KEY (position)
);
CREATE TABLE quarantine (
	batch BIGINT NOT NULL, 
	source_row BIGINT NOT NULL, 
	indicator TEXT, 
	organisation TEXT, 
	period TEXT, 
	reasons TEXT NOT NULL, 
	raw TEXT NOT NULL, 
	PRIMARY KEY (batch, source_row), 
	FOREIGN KEY(batch) REFERENCES batch (id)
);
CREATE TABLE salt (
	batch BIGINT NOT NULL, 
	salts BLOB NOT NULL, 
	PRIMARY KEY (batch), 
	FOREIGN KEY(batch) REFERENCES batch (id)
);
INSERT INTO "salt" VALUES(1,X'9746542AAE9EB2611EF45B791B37F3E752205E83C4923A49B2DAE28E65798C6A');
INSERT INTO "salt" VALUES(2,X'581ACD3EA0EA44281ED429B6CE5EBF80');
INSERT INTO "salt" VALUES(3,X'D85670012A2770808B1106EB8935AFBFD4B2F3D96B653757E2485DF06C2168B160CB14422BBA1D8F075C5D0A0705C208D5E2784C9156C517EA2A28C1D382E0AE86704B0092C66DE46E3C2436035EA9B0C186B17B99757F51D1CB6B4E1F47AFD7F31C137966BDB480015EF44F5F06F5C412A1D632D831547BE9101477C2727E9334B7042A87FF5936A6FEC35D4441C166DFC7272D346B796BE516CFA7A2A704C6');
INSERT INTO "salt" VALUES(4,X'2D5AA1CB34FB27FF2D46DDF77FDFC46B');
CREATE INDEX batch_identity ON batch (identity);
CREATE INDEX event_figure ON event (batch, indicator, organisation);
CREATE INDEX event_type ON event (type) WHERE type NOT IN ('observation', 'withdrawal');
CREATE TRIGGER ledger_refuses_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER ledger_refuses_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger is append-only'); END;
CREATE TRIGGER landed_file_refuses_update BEFORE UPDATE ON landed_file BEGIN SELECT RAISE(ABORT, 'landed_file is append-only'); END;
CREATE TRIGGER landed_file_refuses_delete BEFORE DELETE ON landed_file BEGIN SELECT RAISE(ABORT, 'landed_file is append-only'); END;
CREATE TRIGGER batch_refuses_update BEFORE UPDATE ON batch BEGIN SELECT RAISE(ABORT, 'batch is append-only'); END;
CREATE TRIGGER batch_refuses_delete BEFORE DELETE ON batch BEGIN SELECT RAISE(ABORT, 'batch is append-only'); END;
CREATE TRIGGER event_refuses_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER event_refuses_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER quarantine_refuses_update BEFORE UPDATE ON quarantine BEGIN SELECT RAISE(ABORT, 'quarantine is append-only'); END;
CREATE TRIGGER quarantine_refuses_delete BEFORE DELETE ON quarantine BEGIN SELECT RAISE(ABORT, 'quarantine is append-only'); END;
CREATE TRIGGER batch_tree_refuses_update BEFORE UPDATE ON batch_tree BEGIN SELECT RAISE(ABORT, 'batch_tree is append-only'); END;
CREATE TRIGGER batch_tree_refuses_delete BEFORE DELETE ON batch_tree BEGIN SELECT RAISE(ABORT, 'batch_tree is append-only'); END;
CREATE TRIGGER purged_refuses_update BEFORE UPDATE ON purged BEGIN SELECT RAISE(ABORT, 'purged is append-only'); END;
CREATE TRIGGER purged_refuses_delete BEFORE DELETE ON purged BEGIN SELECT RAISE(ABORT, 'purged is append-only'); END;
COMMIT;
