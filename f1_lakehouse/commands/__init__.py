"""What the commands of `f1` show on a terminal. They ask the core and draw; they decide nothing."""
