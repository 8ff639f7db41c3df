-- The records of a deleted dataset are removed bit by bit. Of those that were deleted before, nobody was told.
UPDATE runs SET abandoned = 1 WHERE dataset IN (SELECT id FROM datasets WHERE deleted_at IS NOT NULL);
