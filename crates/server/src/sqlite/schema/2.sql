-- The seed that a workspace was planted with last, by its digest.
ALTER TABLE workspaces ADD COLUMN seed BLOB;

-- A campaign of a seed has one id in all workspaces, so an id is unique in its workspace only.
CREATE TABLE campaigns_2 (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL REFERENCES workspaces (id),
    uuid BLOB NOT NULL,
    name TEXT NOT NULL
) STRICT;
INSERT INTO campaigns_2 SELECT id, workspace, uuid, name FROM campaigns;
CREATE TABLE campaign_events_2 (
    campaign INTEGER NOT NULL REFERENCES campaigns_2 (id),
    ordinal INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (campaign, ordinal)
) STRICT, WITHOUT ROWID;
INSERT INTO campaign_events_2 SELECT campaign, ordinal, event FROM campaign_events;
DROP TABLE campaign_events;
DROP TABLE campaigns;
ALTER TABLE campaigns_2 RENAME TO campaigns;
ALTER TABLE campaign_events_2 RENAME TO campaign_events;
CREATE UNIQUE INDEX campaigns_by_uuid ON campaigns (workspace, uuid);
