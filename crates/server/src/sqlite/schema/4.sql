-- What remains of a deleted record is its id and its times. Earlier versions kept its content, which is erased in the background.
CREATE INDEX deleted_records_with_content ON deleted_records (key) WHERE payload <> '';
