"""OpenID Connect issuers: an issuer of our own, in a process of its own, that gives every kind of
answer, right and wrong, and what the server makes of them."""
