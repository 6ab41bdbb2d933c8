"""What is read from strace and valgrind, and when a threshold is missed."""

from bench.gates import judged
from bench.instructions import instructions_of_summary
from bench.system_calls import counts_of_summary

SUMMARY = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 50.00    0.010000          10      1001         1 recvfrom
 40.00    0.008000           8      1000           sendto
  0.00    0.000000           0         1           close
------ ----------- ----------- --------- --------- ----------------
100.00    0.018000           9      2002         1 total
"""


def test_calls_are_counted_with_and_without_errors():
    assert counts_of_summary(SUMMARY) == {"recvfrom": 1001, "sendto": 1000, "close": 1}


def test_instructions_are_those_that_callgrind_collected():
    text = "==7== Events    : Ir\n==7== Collected : 572064981\n"
    assert instructions_of_summary(text) == 572064981
    assert instructions_of_summary("==7== Segmentation fault") is None


def test_a_threshold_is_met_up_to_itself():
    assert judged("calls, serial", 3.0, 3.05)[0]
    assert judged("calls, serial", 3.05, 3.05)[0]
    is_good, line = judged("calls, serial", 4.0, 3.05)
    assert not is_good
    assert line == "MISSED: calls, serial: 4.00, at most 3.05"
