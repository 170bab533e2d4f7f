"""tests/quick.py: what tests need not wait for: the disk, and mpirun's patience."""

import os

# mpirun gives the other ranks a second, at times two, to end after one has failed. Where all of them
# end by themselves, and have said all before the first one does, there is nothing to wait for.
AT_ONCE = ("odls_base_sigkill_timeout", "0")


def place():
    """Where tests may have their folders: in memory if there is much of it, because each result is
    made safe on the disk (fsync), which takes longer than most jobs. None: wherever the system says."""
    memory = "/dev/shm"
    if "TMPDIR" in os.environ or not os.path.isdir(memory) or not os.access(memory, os.W_OK):
        return None
    told = os.statvfs(memory)
    roomy = told.f_bavail * told.f_frsize >= 4 << 30
    return memory if roomy and not told.f_flag & os.ST_NOEXEC else None
