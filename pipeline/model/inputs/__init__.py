"""What the network and the posterior know of users and titles beyond ratings."""
