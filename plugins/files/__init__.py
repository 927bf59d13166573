"""Files that teachers upload: kept on disk or in an S3 bucket, checked before anybody gets them."""
