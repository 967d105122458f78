"""What accounts and clients may spend, and what a visit must know of who pays.

It must never wait: who has too little is told so.
"""
