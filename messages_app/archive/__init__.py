"""The wall in a file: lines of JSON, which tell at their end whether all are there.

A header, then for each table a line with its name and fields and a line for each row, and
last the number of lines and the SHA-256 of all before it. No date and no host is in it:
the same wall gives the same bytes.
"""
