"""Ids of customers: the same in every table, joined, hashed where asked; columns that name a person are left out."""
