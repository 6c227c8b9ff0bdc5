"""The statement: commitment, witness, proof, verification, evidence, content addressing."""
