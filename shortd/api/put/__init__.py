"""PUT: a file is the body of a request, and a line of text the answer: for curl and whatever else
sends files as WebDAV and object stores take them.
"""
