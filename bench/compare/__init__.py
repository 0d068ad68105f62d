"""What packages of the same purpose do with a request that asgisec answers, side by side: `python -m bench.compare`.

Each peer has a file in `peers`, with its rows. A row says what is done, and what ought to come of it; it does so to the
peer, set up as the peer's documentation says, and to asgisec. What is observed is measured in this run, on both sides.

- A row in which asgisec is wrong fails the run.
- A row in which the peer is right is shown as mended, with the version.
- Where a peer may mean it so, the row says why.
- What is not installed is left out, and named at the end, with how to get it.
"""
