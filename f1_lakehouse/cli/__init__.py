"""The command line `f1`: `app` builds the parser, one module for each command draws its output.

Does not belong here: decisions about data; commands call the packages below.
"""
