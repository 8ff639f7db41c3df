-- Records of deleted datasets are removed in the background. Mark those that were deleted by earlier versions.
UPDATE runs SET abandoned = 1 WHERE dataset IN (SELECT id FROM datasets WHERE deleted_at IS NOT NULL);
