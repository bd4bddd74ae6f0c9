//! Codes that nothing else tells, where the check that says them is not the only one in the way.
