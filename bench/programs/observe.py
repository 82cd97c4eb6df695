"""Says when processes end, by the kernel's word for it: reads a pid a line, and prints CLOCK_MONOTONIC in nanoseconds
as soon as a pidfd of that process polls readable. Node can open no pidfd, so this is not JavaScript."""

import os
import select
import sys
import time

for line in sys.stdin:
    descriptor = os.pidfd_open(int(line))
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    print("watching", flush=True)
    poll.poll()
    ended = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    print(ended, flush=True)
    os.close(descriptor)
