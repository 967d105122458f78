"""The process: connections, the redirect lane, logs, from start to a drained stop.

The only room that knows uvicorn. It must never decide what a request gets.
"""
