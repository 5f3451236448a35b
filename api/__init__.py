"""FastAPI and Strawberry: the GraphQL API and the pages beside it."""
