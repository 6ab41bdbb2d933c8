"""Compare servers on one machine, in one run, by turns.

What flows in is a roster of small servers; each flows through the same scenarios,
and out come `results/*.json`, from which `tables` writes a page of the documentation.

In reading order: `roster` (who takes part), `routes` and `big_file` (what web servers
serve), `building` (compile the C and the Go), `process` (a server or a load that runs),
`clock` and `memory` (what it costs), `load` (the load generator, whose C is in
`generator/`), `scenarios` (what is done to each server), `rounds` (by turns),
`quartiles` (what the figures say), `results` (keep them), `report` and `tables` (show
them), `gates` with `system_calls` and `instructions` (what is exact, and must not
grow).

May import portside, as anybody does; nothing of portside imports it.
"""
