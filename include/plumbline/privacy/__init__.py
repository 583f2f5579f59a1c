"""
Personal data and secrets are kept from whoever does not need them.

    minimiser = Minimiser(tools, run.tenant)
    text = minimiser.minimise(text)                              # before it is stored or sent
    told = Restorer(tools, run, reason="reply to a customer").restore(text).value   # on delivery only
"""
