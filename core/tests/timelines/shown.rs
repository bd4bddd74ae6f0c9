//! Every use of a check was seen refusing, and every code was told.
