"""Byte order, with the C library as oracle."""

import socket

import pytest

from portside import net

NUMBERS = (0, 1, 0x80, 0xFF, 0x1234, 0xFFFF)
LONG_NUMBERS = (*NUMBERS, 0x10000, 0x12345678, 0xFFFFFFFF)


@pytest.mark.parametrize("number", NUMBERS, ids=hex)
def test_16_bits_are_as_the_c_library_has_them(number):
    assert net.htons(number) == socket.htons(number)
    assert net.ntohs(number) == socket.ntohs(number)


@pytest.mark.parametrize("number", LONG_NUMBERS, ids=hex)
def test_32_bits_are_as_the_c_library_has_them(number):
    assert net.htonl(number) == socket.htonl(number)
    assert net.ntohl(number) == socket.ntohl(number)


@pytest.mark.parametrize("number", [-1, 1 << 16])
def test_what_does_not_fit_in_16_bits_is_refused(number):
    for function in (net.htons, net.ntohs):
        with pytest.raises(ValueError, match="does not fit in 16 bits"):
            function(number)


@pytest.mark.parametrize("number", [-1, 1 << 32])
def test_what_does_not_fit_in_32_bits_is_refused(number):
    for function in (net.htonl, net.ntohl):
        with pytest.raises(ValueError, match="does not fit in 32 bits"):
            function(number)
