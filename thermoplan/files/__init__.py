"""Every reader and writer. Units, frames and conventions of other programs end here.

Readers raise ``InputError`` with the file's name, and put what is worth a warning into ``notes``, a list
that the caller gives. ``volumes`` is the door to all image formats.
"""
