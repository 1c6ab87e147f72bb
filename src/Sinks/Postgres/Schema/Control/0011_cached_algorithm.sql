-- By which a purge finds the results of one algorithm. What was kept without its name is computed again.
TRUNCATE cached_results;
ALTER TABLE cached_results ADD COLUMN algorithm text NOT NULL;
